namespace Relay.Application.Quotas;

/// <summary>A place to run in, or the refusal of one. Disposing of it gives the place back.</summary>
internal sealed class QueuePlace : IDisposable
{
    private Action<bool>? _leave;

    public QueuePlace(Action<bool> leave) => _leave = leave;

    public QueuePlace(QueueRefusal refusal) => Refusal = refusal;

    public QueueRefusal? Refusal { get; }

    public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke(true);

    /// <summary>Gives the place back unused. The time that it was held does not count for later estimates.</summary>
    public void Decline() => Interlocked.Exchange(ref _leave, null)?.Invoke(false);
}
