namespace Relay.Application.Idempotency;

/// <summary>The state of a request that may have been made before.</summary>
public enum IdempotencyState
{
    /// <summary>The request is the first, and claimed now: keep its answer or release the claim.</summary>
    Claimed,

    /// <summary>The first request is still running.</summary>
    InFlight,

    /// <summary>The request was answered.</summary>
    Answered,

    /// <summary>The key was used for another request.</summary>
    Mismatch,

    /// <summary>The store can't be reached, so that the state is unknown. A request that goes on could spend twice.</summary>
    Unknown,
}
