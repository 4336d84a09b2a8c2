namespace Relay.Application.Quotas;

/// <summary>The reason why a request got no place.</summary>
internal enum QueueRefusal
{
    /// <summary>Too many are waiting already.</summary>
    Full,

    /// <summary>No place became free in time.</summary>
    WaitedTooLong,

    /// <summary>The relay is stopping.</summary>
    Closed,
}
