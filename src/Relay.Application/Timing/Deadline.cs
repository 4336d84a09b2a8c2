namespace Relay.Application.Timing;

/// <summary>A time limit beside the caller's own cancellation.</summary>
public sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _limit;
    private readonly CancellationTokenSource _either;
    private readonly CancellationToken _caller;

    /// <param name="time">The time from now; zero has passed at once.</param>
    /// <param name="clock">The clock that counts it.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    public Deadline(TimeSpan time, TimeProvider clock, CancellationToken cancellationToken)
    {
        _caller = cancellationToken;
        _limit = new CancellationTokenSource(time, clock);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_limit.Token, cancellationToken);
    }

    /// <summary>Ends with the time, or with the caller's token.</summary>
    public CancellationToken Token => _either.Token;

    /// <summary>Whether the time has passed, and the caller has not cancelled.</summary>
    public bool HasPassed => _limit.IsCancellationRequested && !_caller.IsCancellationRequested;

    public void Dispose()
    {
        _either.Dispose();
        _limit.Dispose();
    }
}
