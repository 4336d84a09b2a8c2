namespace Relay.Application.Quotas;

/// <summary>Why a request got no place.</summary>
internal enum QueueRefusal
{
    /// <summary>Too many are waiting already.</summary>
    Full,

    /// <summary>No place became free in time.</summary>
    WaitedTooLong,

    /// <summary>The relay is stopping.</summary>
    Closed,
}

/// <summary>A place to run in, given back when disposed of; or why there is none.</summary>
internal sealed class QueuePlace : IDisposable
{
    private Action<bool>? _leave;

    public QueuePlace(Action<bool> leave) => _leave = leave;

    public QueuePlace(QueueRefusal refusal) => Refusal = refusal;

    /// <summary>Why there is no place; null when there is one.</summary>
    public QueueRefusal? Refusal { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke(true);

    /// <summary>Gives it back unused: how long it was held says nothing about how long others will hold theirs.</summary>
    public void Decline() => Interlocked.Exchange(ref _leave, null)?.Invoke(false);
}
