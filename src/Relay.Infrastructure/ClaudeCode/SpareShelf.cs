using System.Diagnostics.CodeAnalysis;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The spares of one kind, blank or of one profile: the parked ones, the number of those that serve or are being taken back, and the
/// pause after a failure. Guarded by the lock of <see cref="SpareStock"/>.
/// </summary>
internal sealed class SpareShelf
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastPause = TimeSpan.FromMinutes(1);

    private readonly Queue<Waiter> _waiters = new();
    private TimeSpan _pause;
    private long _pausedAt;

    /// <summary>Parked, the oldest first.</summary>
    public List<ClaudeProcess> Spares { get; } = [];

    public int InUse { get; set; }

    /// <summary>Processes of the profile that are being taken back.</summary>
    public int Returning { get; set; }

    /// <summary>The words that its spares are told; null while the profile does not repeat, or is beyond the caps.</summary>
    public Preparation? Preparation { get; set; }

    /// <summary>The executable that refused its schema as invalid; null for none.</summary>
    public EngineGeneration? RefusedBy { get; set; }

    /// <summary>Whether no spare is prepared for it any more.</summary>
    public bool IsUnfit { get; set; }

    public int Uses { get; set; }

    /// <summary>Timestamp of its last request.</summary>
    public long LastUsedAt { get; set; }

    public bool IsPaused(TimeProvider clock) => clock.GetElapsedTime(_pausedAt) < _pause;

    /// <summary>Each pause is twice as long as the one before; a quiet minute begins anew. Null while it pauses already.</summary>
    public TimeSpan? Pause(TimeProvider clock)
    {
        if (IsPaused(clock))
        {
            return null;
        }

        _pause =
            _pause > TimeSpan.Zero && clock.GetElapsedTime(_pausedAt) < _pause + LastPause
                ? TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LastPause.Ticks))
                : FirstPause;
        _pausedAt = clock.GetTimestamp();
        return _pause;
    }

    /// <summary>Takes a place in the line for a process that is being taken back; false when each of them is awaited already.</summary>
    public bool TryAwaitReturn(
        EngineGeneration generation,
        [NotNullWhen(true)] out Task<ClaudeProcess?>? returning,
        CancellationToken cancellationToken
    )
    {
        while (_waiters.TryPeek(out var first) && first.Task.IsCompleted)
        {
            _waiters.Dequeue();
        }

        if (_waiters.Count(waiter => !waiter.Task.IsCompleted) >= Returning)
        {
            returning = null;
            return false;
        }

        var next = new Waiter(generation, cancellationToken);
        _waiters.Enqueue(next);
        returning = next.Task;
        return true;
    }

    /// <summary>Gives a process to the first request that still waits; false when no request waits.</summary>
    public bool TryHandOver(ClaudeProcess process)
    {
        while (_waiters.TryDequeue(out var waiter))
        {
            if (waiter.TryTake(process))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Releases requests for which no process is being taken back.</summary>
    public void ReleaseHopeless()
    {
        while (_waiters.Count > Returning)
        {
            _waiters.Dequeue().GiveUp();
        }
    }

    /// <summary>A request that waits for a process.</summary>
    private sealed class Waiter
    {
        private readonly TaskCompletionSource<ClaudeProcess?> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly EngineGeneration _generation;
        private readonly CancellationTokenRegistration _registration;

        public Waiter(EngineGeneration generation, CancellationToken cancellationToken)
        {
            _generation = generation;
            _registration = cancellationToken.Register(() => _source.TrySetCanceled(cancellationToken));
        }

        public Task<ClaudeProcess?> Task => _source.Task;

        public bool TryTake(ClaudeProcess process)
        {
            _registration.Dispose();
            if (process.Generation == _generation)
            {
                return _source.TrySetResult(process);
            }

            GiveUp();
            return false;
        }

        public void GiveUp()
        {
            _registration.Dispose();
            _source.TrySetResult(null);
        }
    }
}
