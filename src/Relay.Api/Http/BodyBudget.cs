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

/// <summary>The room of one request's body, from its first byte until the request is let in, is refused or has ended.</summary>
internal sealed class BodyRoom(BodyBudget budget, string keyId) : IDisposable
{
    private long _taken;

    /// <summary>Grows the room to a number of bytes; false when the budget has no more.</summary>
    public bool TryGrowTo(long bytes)
    {
        var more = bytes - _taken;
        if (more > 0 && !budget.TryTake(keyId, more))
        {
            return false;
        }

        _taken = Math.Max(_taken, bytes);
        return true;
    }

    /// <summary>Gives the whole room back; later calls do nothing.</summary>
    public void Dispose() => budget.GiveBack(keyId, Interlocked.Exchange(ref _taken, 0));

    /// <summary>The room of a request. A body that is read a second time, from memory, has the same room.</summary>
    public static BodyRoom Of(HttpContext context, BodyBudget budget, Application.Pipeline.RequestContext request)
    {
        if (context.Features.Get<BodyRoom>() is { } known)
        {
            return known;
        }

        var room = new BodyRoom(budget, request.Caller.Id);
        context.Features.Set(room);
        context.Response.RegisterForDispose(room);
        request.Admitted += room.Dispose;
        return room;
    }
}
