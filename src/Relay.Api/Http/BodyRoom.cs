namespace Relay.Api.Http;

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
