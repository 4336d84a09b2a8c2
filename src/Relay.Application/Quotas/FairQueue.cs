namespace Relay.Application.Quotas;

/// <summary>
/// The places in which requests run, and the queue for them, fair between keys. A free place goes to the key with the fewest running
/// requests; of several such keys, to the one that has waited longest since it was last served. A hundred waiting requests of one key do
/// not delay the first request of another. A full queue makes room for a key that has less in it, by turning away the newest request of the
/// key that has most.
/// </summary>
internal sealed class FairQueue(int places, int limit, TimeProvider clock)
{
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    /// <summary>The time that a request holds a place, until one has been measured.</summary>
    private const double FirstGuessSeconds = 5;
    private const double Memory = 0.8;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, QueueLine> _lines = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _places = places;
    private int _limit = limit;
    private bool _closed;
    private int _running;
    private int _waiting;
    private long _served;
    private long _arrived;
    private double _holdSeconds = FirstGuessSeconds;

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

    /// <summary>The average time that requests held a place lately.</summary>
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

    public int RunningOf(string keyId)
    {
        lock (_lock)
        {
            return _lines.GetValueOrDefault(keyId)?.Running ?? 0;
        }
    }

    /// <summary>The wait of a request of this key that came now, by the time that requests hold their places.</summary>
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

    /// <summary>The time that a running request still needs. Beyond the average it is taken to be half way.</summary>
    private double RestOf(double seconds) => seconds < _holdSeconds ? _holdSeconds - seconds : seconds;

    /// <summary>
    /// Takes a place, or waits for one. The number of the key's places is read again for each free place, so that a changed limit counts
    /// for requests that wait. A caller who leaves frees its place in the queue at once.
    /// </summary>
    public Task<QueuePlace> EnterAsync(string keyId, Func<int> keyPlaces, TimeSpan patience, CancellationToken cancellationToken) =>
        EnterAsync(keyId, keyPlaces, patience, ready: Task.CompletedTask, cancellationToken);

    /// <summary>
    /// As the other overload, but the request gets no place before another task has ended. Until then other requests of the key pass this
    /// one. A failure counts as an end; the caller finds it in the task.
    /// </summary>
    public async Task<QueuePlace> EnterAsync(
        string keyId,
        Func<int> keyPlaces,
        TimeSpan patience,
        Task ready,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        QueueWaiter waiter;
        bool isReady;
        lock (_lock)
        {
            if (_closed)
            {
                return new QueuePlace(QueueRefusal.Closed);
            }

            // Read once. A task that ends later admits its request by itself.
            isReady = ready.IsCompleted;

            var line = LineOf(keyId);
            // The newest request of a key brings its newest limit. A raised limit admits requests that wait.
            line.Places = keyPlaces;
            AdmitNext();

            // No other request of the key waits for a place that it could have. Waiting requests of other keys are at their keys' limits.
            if (_running < _places && line.Running < keyPlaces() && isReady && line.FirstReady is null)
            {
                return Admit(line);
            }

            if (_waiting >= _limit && !TryMakeRoom(line))
            {
                ForgetIdle(line);
                return new QueuePlace(QueueRefusal.Full);
            }

            waiter = new QueueWaiter(line, ready);
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
    /// Changes how many requests run at once and how many may wait. Waiting requests take new places at once. When there are fewer
    /// places, no request that runs or waits is turned away.
    /// </summary>
    public void Resize(int places, int limit)
    {
        lock (_lock)
        {
            (_places, _limit) = (places, limit);
            AdmitNext();
        }
    }

    /// <summary>Completes when the queue is closed and no request has a place any more.</summary>
    public Task Drained => _drained.Task;

    /// <summary>Refuses requests that wait and requests that come.</summary>
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
    private void Withdraw(QueueWaiter waiter, QueuePlace? answer)
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
    private bool TryMakeRoom(QueueLine newcomer)
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

    private bool TakeOut(QueueWaiter waiter)
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

    private QueuePlace Admit(QueueLine line)
    {
        _running++;
        line.LastServed = ++_served;
        var start = line.Starts.AddLast(clock.GetTimestamp());
        return new QueuePlace(used => Leave(line, start, used));
    }

    private void Leave(QueueLine line, LinkedListNode<long> start, bool used)
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

    private QueueLine? NextLine()
    {
        QueueLine? best = null;
        foreach (var line in _lines.Values)
        {
            if (line.FirstReady is not null && line.Running < line.Places() && (best is null || line.Rank.CompareTo(best.Rank) < 0))
            {
                best = line;
            }
        }

        return best;
    }

    private QueueLine LineOf(string keyId)
    {
        if (!_lines.TryGetValue(keyId, out var line))
        {
            _lines[keyId] = line = new QueueLine(keyId, ++_arrived);
        }

        return line;
    }

    /// <summary>
    /// Forgets a key with nothing running and nothing waiting. While a request waits, the key is kept with the time when it was last
    /// served. Otherwise a few keys that come back one request at a time would always go first, as newcomers.
    /// </summary>
    private void ForgetIdle(QueueLine line)
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
}
