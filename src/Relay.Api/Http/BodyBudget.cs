using Microsoft.Extensions.Options;
using Relay.Application.Serving;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>
/// Bounds what all bodies that are being read take of the memory together: room for so many of the largest. Places and queues
/// bound requests only once they are read, and one key may have as many connections as there are.
/// </summary>
internal sealed class BodyBudget(IOptions<ServerOptions> options)
{
    private const int LargestBodies = 32;

    /// <summary>What a request beyond it is told.</summary>
    public static RelayError Full { get; } = new(
        ErrorCode.QueueFull, "Too many large requests are being read already. Try again shortly.", RetryAfter: TimeSpan.FromSeconds(2));

    private long _left = options.Value.MaxBodyBytes * LargestBodies;

    /// <summary>Takes room; false when there is none.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _left, -bytes) >= 0)
        {
            return true;
        }

        GiveBack(bytes);
        return false;
    }

    /// <summary>Gives room back.</summary>
    public void GiveBack(long bytes) => Interlocked.Add(ref _left, bytes);
}
