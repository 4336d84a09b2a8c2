using Microsoft.Extensions.Options;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Bounds what all bodies that are being read take of the memory together: room for so many of the largest, and for a quarter of
/// them of one key. Places and queues bound requests only once they are read, and one key may have as many connections as there are.
/// </summary>
internal sealed class BodyBudget(IOptions<ServerOptions> options)
{
    private const int LargestBodies = 32;

    private readonly MemoryBudget _room = new(options.Value.MaxBodyBytes * LargestBodies);

    /// <summary>What a request beyond it is told.</summary>
    public static RelayError Full { get; } = new(
        ErrorCode.QueueFull, "Too many large requests are being read already. Try again shortly.", RetryAfter: TimeSpan.FromSeconds(2));

    /// <summary>Takes room; false when there is none, or the key has its share already.</summary>
    public bool TryTake(string keyId, long bytes) => _room.TryTake(keyId, bytes);

    /// <summary>Gives room back.</summary>
    public void GiveBack(string keyId, long bytes) => _room.GiveBack(keyId, bytes);
}
