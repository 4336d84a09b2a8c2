namespace Relay.Application.Quotas;

/// <summary>
/// The places in which requests run, and the queue for them, fair between keys: a free place goes to the key with the
/// fewest running, of those to the one that has waited longest since it was last served. A key with a hundred waiting delays
/// another key's first by none of them. A queue that is full makes room for a key that has less in it by turning away the
/// newest of the key that has most.
/// </summary>
/// <param name="places">How many run at once.</param>
/// <param name="limit">How many may wait.</param>
/// <param name="clock">What waits are measured by.</param>
internal sealed class FairQueue(int places, int limit, TimeProvider clock)
{
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    /// <summary>How long a place was taken lately; a guess until one was.</summary>
    private const double FirstGuessSeconds = 5;
    private const double Memory = 0.8;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _places = places;
    private int _limit = limit;
    private bool _closed;
    private int _running;
    private int _waiting;
    private long _served;
    private long _arrived;
    private double _holdSeconds = FirstGuessSeconds;

    /// <summary>How full it is now.</summary>
    public QueueLoad Load
    {
        get
        {
            lock (_lock)
            {
                return new QueueLoad(_places, _running, _waiting);
            }
        }
    }

    /// <summary>Whose requests run and wait now.</summary>
    public IReadOnlyList<KeyLoad> LoadByKey
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _lines.Values.Where(line => !line.IsIdle).Select(line => new KeyLoad(line.KeyId, line.Running, line.Waiters.Count)),
                ];
            }
        }
    }

    /// <summary>How long a place was taken lately, on average.</summary>
    public TimeSpan RecentHold
    {
        get
        {
            lock (_lock)
            {
                return TimeSpan.FromSeconds(_holdSeconds);
            }
        }
    }

    /// <summary>How many of a key run now.</summary>
    public int RunningOf(string keyId)
    {
        lock (_lock)
        {
            return _lines.GetValueOrDefault(keyId)?.Running ?? 0;
        }
    }

    /// <summary>
    /// How long a request of this key that came now would wait: by how long places were taken lately, and by how long the running
    /// requests hold theirs already.
    /// </summary>
    public TimeSpan EstimateWait(string keyId, int keyPlaces)
    {
        lock (_lock)
        {
            var line = _lines.GetValueOrDefault(keyId);
            var ofAll = SecondsUntilFree(_lines.Values.SelectMany(other => other.Starts), _places, _waiting);
            var ofKey = line is null ? 0 : SecondsUntilFree(line.Starts, keyPlaces, line.Waiters.Count);
            return TimeSpan.FromSeconds(Math.Clamp(Math.Max(ofAll, ofKey), ShortestRetry.TotalSeconds, LongestRetry.TotalSeconds));
        }
    }

    /// <summary>Seconds until one more than the waiting requests would have had a place.</summary>
    private double SecondsUntilFree(IEnumerable<long> starts, int places, int waiting)
    {
        var rest = starts.Select(start => RestOf(clock.GetElapsedTime(start).TotalSeconds)).Order().ToList();
        var ends = waiting + 1 - (places - rest.Count);
        return ends <= 0 ? 0
            : ends <= rest.Count ? rest[ends - 1]
            : rest.LastOrDefault() + (_holdSeconds * Math.Ceiling((ends - rest.Count) / (double)places));
    }

    /// <summary>A request that has run for longer than the others did is taken to be half way.</summary>
    private double RestOf(double seconds) => seconds < _holdSeconds ? _holdSeconds - seconds : seconds;

    /// <summary>Takes a place, or waits for one.</summary>
    /// <param name="keyId">Whose request it is.</param>
    /// <param name="keyPlaces">
    /// How many of that key may run at once; read again for each free place, so that a changed limit counts for requests that wait.
    /// </param>
    /// <param name="patience">Longest wait.</param>
    /// <param name="cancellationToken">The caller has left: out of the queue at once.</param>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public Task<QueuePlace> EnterAsync(string keyId, Func<int> keyPlaces, TimeSpan patience, CancellationToken cancellationToken) =>
        EnterAsync(keyId, keyPlaces, patience, ready: Task.CompletedTask, cancellationToken);

    /// <summary>Takes a place, or waits for one; none before something else has come, too.</summary>
    /// <param name="keyId">Whose request it is.</param>
    /// <param name="keyPlaces">As for the other.</param>
    /// <param name="patience">Longest wait.</param>
    /// <param name="ready">
    /// What must have come first; until then others of its key pass it. A failure is the caller's to see in it, and is as good as
    /// readiness.
    /// </param>
    /// <param name="cancellationToken">The caller has left: out of the queue at once.</param>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public async Task<QueuePlace> EnterAsync(
        string keyId,
        Func<int> keyPlaces,
        TimeSpan patience,
        Task ready,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        bool isReady;
        lock (_lock)
        {
            if (_closed)
            {
                return new QueuePlace(QueueRefusal.Closed);
            }

            // Looked at once: what becomes ready from now on is admitted by its own end.
            isReady = ready.IsCompleted;

            var line = LineOf(keyId);
            // The newest request of a key has its newest limit: what waits may run now, if that was raised.
            line.Places = keyPlaces;
            AdmitNext();

            // Nobody of the key waits for a place it could have: whoever waits of another key is at that key's own limit.
            if (_running < _places && line.Running < keyPlaces() && isReady && line.FirstReady is null)
            {
                return Admit(line);
            }

            if (_waiting >= _limit && !TryMakeRoom(line))
            {
                ForgetIdle(line);
                return new QueuePlace(QueueRefusal.Full);
            }

            waiter = new Waiter(line, ready);
            waiter.Node = line.Waiters.AddLast(waiter);
            _waiting++;
        }

        if (!isReady)
        {
            _ = AdmitWhenReadyAsync(ready);
        }

        using var timeout = new CancellationTokenSource(patience, clock);
        await using var late = timeout.Token.UnsafeRegister(_ => Withdraw(waiter, new QueuePlace(QueueRefusal.WaitedTooLong)), null);
        await using var left = cancellationToken.UnsafeRegister(_ => Withdraw(waiter, null), null);
        return await waiter.Place.Task;
    }

    /// <summary>
    /// Changes how many run at once and how many may wait. New places are taken at once by those who wait; of fewer, what runs
    /// or waits already is not turned away.
    /// </summary>
    public void Resize(int places, int limit)
    {
        lock (_lock)
        {
            (_places, _limit) = (places, limit);
            AdmitNext();
        }
    }

    /// <summary>Completes when it is closed and nobody has a place any more.</summary>
    public Task Drained => _drained.Task;

    /// <summary>Refuses those who wait and all who come.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (var waiter in _lines.Values.SelectMany(line => line.Waiters).ToList())
            {
                TakeOut(waiter);
                waiter.Place.TrySetResult(new QueuePlace(QueueRefusal.Closed));
            }

            ReportDrained();
        }
    }

    /// <summary>Takes a waiter out, unless it has its place already.</summary>
    private void Withdraw(Waiter waiter, QueuePlace? answer)
    {
        lock (_lock)
        {
            if (!TakeOut(waiter))
            {
                return;
            }

            ForgetIdle(waiter.Line);
        }

        if (answer is null)
        {
            waiter.Place.TrySetCanceled();
        }
        else
        {
            waiter.Place.TrySetResult(answer);
        }
    }

    /// <summary>Turns away the newest of the longest line, if that is longer than the newcomer's would be.</summary>
    private bool TryMakeRoom(Line newcomer)
    {
        var longest = _lines.Values.MaxBy(line => line.Waiters.Count);
        if (longest is null || longest.Waiters.Count <= newcomer.Waiters.Count + 1)
        {
            return false;
        }

        var last = longest.Waiters.Last!.Value;
        TakeOut(last);
        last.Place.TrySetResult(new QueuePlace(QueueRefusal.Full));
        return true;
    }

    private bool TakeOut(Waiter waiter)
    {
        if (waiter.Node is not { } node)
        {
            return false;
        }

        waiter.Node = null;
        waiter.Line.Waiters.Remove(node);
        _waiting--;
        return true;
    }

    private QueuePlace Admit(Line line)
    {
        _running++;
        line.LastServed = ++_served;
        var start = line.Starts.AddLast(clock.GetTimestamp());
        return new QueuePlace(used => Leave(line, start, used));
    }

    private void Leave(Line line, LinkedListNode<long> start, bool used)
    {
        lock (_lock)
        {
            _running--;
            line.Starts.Remove(start);
            if (used)
            {
                _holdSeconds = (_holdSeconds * Memory) + (clock.GetElapsedTime(start.Value).TotalSeconds * (1 - Memory));
            }

            AdmitNext();
            ForgetIdle(line);
            ReportDrained();
        }
    }

    private async Task AdmitWhenReadyAsync(Task ready)
    {
        await ready.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            AdmitNext();
        }
    }

    private void AdmitNext()
    {
        while (_running < _places && NextLine() is { } next)
        {
            var waiter = next.FirstReady!;
            TakeOut(waiter);
            waiter.Place.TrySetResult(Admit(next));
        }
    }

    private void ReportDrained()
    {
        if (_closed && _running == 0)
        {
            _drained.TrySetResult();
        }
    }

    private Line? NextLine()
    {
        Line? best = null;
        foreach (var line in _lines.Values)
        {
            if (line.FirstReady is not null && line.Running < line.Places() && (best is null || line.Rank.CompareTo(best.Rank) < 0))
            {
                best = line;
            }
        }

        return best;
    }

    private Line LineOf(string keyId)
    {
        if (!_lines.TryGetValue(keyId, out var line))
        {
            _lines[keyId] = line = new Line(keyId, ++_arrived);
        }

        return line;
    }

    /// <summary>
    /// A key with nothing running and nothing waiting takes no memory; but while anybody waits, it is remembered when it was
    /// served, or else a few keys that come back one request at a time would always be the newcomers who go first.
    /// </summary>
    private void ForgetIdle(Line line)
    {
        if (line is { IsIdle: true, LastServed: 0 })
        {
            _lines.Remove(line.KeyId);
        }

        if (_waiting == 0)
        {
            foreach (var idle in _lines.Values.Where(other => other.IsIdle).ToList())
            {
                _lines.Remove(idle.KeyId);
            }
        }
    }

    private sealed class Line(string keyId, long arrived)
    {
        public string KeyId { get; } = keyId;

        public LinkedList<Waiter> Waiters { get; } = [];

        /// <summary>The clock's timestamps of when its running requests got their places.</summary>
        public LinkedList<long> Starts { get; } = [];

        public int Running => Starts.Count;

        /// <summary>How many may run at once.</summary>
        public Func<int> Places { get; set; } = () => int.MaxValue;

        /// <summary>0 for never.</summary>
        public long LastServed { get; set; }

        public bool IsIdle => Running == 0 && Waiters.Count == 0;

        /// <summary>The first of those who only wait for a place here.</summary>
        public Waiter? FirstReady
        {
            get
            {
                for (var node = Waiters.First; node is not null; node = node.Next)
                {
                    if (node.Value.Ready.IsCompleted)
                    {
                        return node.Value;
                    }
                }

                return null;
            }
        }

        /// <summary>The lowest is next.</summary>
        public (int Running, long LastServed, long Arrived) Rank => (Running, LastServed, arrived);
    }

    private sealed class Waiter(Line line, Task ready)
    {
        public Line Line { get; } = line;

        /// <summary>What must have come before it may have a place.</summary>
        public Task Ready { get; } = ready;

        /// <summary>Where it stands in its line; null when it has left it.</summary>
        public LinkedListNode<Waiter>? Node { get; set; }

        public TaskCompletionSource<QueuePlace> Place { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
