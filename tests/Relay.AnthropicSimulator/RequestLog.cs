namespace Relay.AnthropicSimulator;

/// <summary>The recorded requests in arrival order, and those who wait for one.</summary>
internal sealed class RequestLog
{
    private readonly Lock _lock = new();
    private readonly List<RecordedRequest> _requests = [];
    private TaskCompletionSource? _arrival;
    private int _next;

    public IReadOnlyList<RecordedRequest> Snapshot()
    {
        lock (_lock)
        {
            return [.. _requests];
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _requests.Count;
            }
        }
    }

    public void Add(RecordedRequest request)
    {
        TaskCompletionSource? arrival;
        lock (_lock)
        {
            request.Index = _next++;
            _requests.Add(request);
            arrival = _arrival;
            _arrival = null;
        }

        arrival?.SetResult();
    }

    public void Clear()
    {
        lock (_lock)
        {
            _requests.Clear();
        }
    }

    public async Task<RecordedRequest> WaitAsync(Func<RecordedRequest, bool> predicate, CancellationToken ct)
    {
        while (true)
        {
            IReadOnlyList<RecordedRequest> requests;
            Task arrival;
            lock (_lock)
            {
                requests = [.. _requests];
                _arrival ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                arrival = _arrival.Task;
            }

            // Outside the lock: a predicate may parse a body, or ask the simulator something.
            if (requests.FirstOrDefault(predicate) is { } found)
            {
                return found;
            }

            await arrival.WaitAsync(ct);
        }
    }
}
