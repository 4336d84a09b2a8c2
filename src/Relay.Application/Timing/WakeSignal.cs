namespace Relay.Application.Timing;

/// <summary>Wakes one waiter. Several wake-ups before it waits again count as one.</summary>
public sealed class WakeSignal : IDisposable
{
    private readonly SemaphoreSlim _slot = new(0, 1);

    /// <summary>Lets the waiter go on, or the next one that comes.</summary>
    public void Wake()
    {
        lock (_slot)
        {
            if (_slot.CurrentCount == 0)
            {
                _slot.Release();
            }
        }
    }

    /// <summary>Waits for a wake-up, and takes it.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _slot.WaitAsync(cancellationToken);

    public void Dispose() => _slot.Dispose();
}
