using Microsoft.Extensions.Options;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Bounds the memory of all bodies that are being read, or whose requests wait for their place: room for a number of the largest bodies,
/// and for a quarter of them for one key. A key may open any number of connections.
/// </summary>
internal sealed class BodyBudget(IOptions<ServerOptions> options)
{
    private const int LargestBodies = 32;

    private readonly MemoryBudget _room = new(options.Value.MaxBodyBytes * LargestBodies);

    public static RelayError Full { get; } =
        new(
            ErrorCode.QueueFull,
            "Too many large requests are being read or wait already. Try again shortly.",
            RetryAfter: TimeSpan.FromSeconds(2)
        );

    public bool TryTake(string keyId, long bytes) => _room.TryTake(keyId, bytes);

    public void GiveBack(string keyId, long bytes) => _room.GiveBack(keyId, bytes);
}
