using System.Runtime.InteropServices;
using Relay.Application.Auditing;

namespace Relay.Application.Dashboard;

/// <summary>
/// Counts the requests of the last hour, minute by minute, in memory that is used again and again: 200 KB, and up to 3 MB more with a
/// thousand keys in every minute. A request leaves no garbage. The dashboard's own requests are left out, or else watching it would
/// change its figures.
/// </summary>
internal sealed class RecentRequests : IRequestObserver
{
    /// <summary>The minutes that are remembered, including the running one.</summary>
    public const int Minutes = 60;

    /// <summary>The keys that are told apart in one minute. Requests of further keys count in the total only.</summary>
    public const int MaxKeys = 1000;

    /// <summary>A bound that is above the number of errors, in case other texts are passed as errors.</summary>
    private const int MaxErrors = 100;

    private readonly TimeProvider _clock;
    private readonly long _startedAt;
    private readonly DateTimeOffset _since;
    private readonly Lock _lock = new();
    private readonly Minute[] _minutes = [.. Enumerable.Range(0, Minutes).Select(_ => new Minute())];

    public RecentRequests(TimeProvider clock)
    {
        _clock = clock;
        _startedAt = clock.GetTimestamp();
        _since = clock.GetUtcNow();
    }

    public void Observe(AuditEntry entry)
    {
        if (entry.Action is "dashboard" or "sign_in" or "sign_out")
        {
            return;
        }

        lock (_lock)
        {
            Current().Take(entry);
        }
    }

    public void ObserveUnauthenticated(string error)
    {
        lock (_lock)
        {
            Current().Take(error);
        }
    }

    /// <summary>The last hour as of now.</summary>
    public RecentActivity Summarize()
    {
        lock (_lock)
        {
            var now = Number();
            var errors = new Dictionary<string, long>(StringComparer.Ordinal);
            var keys = new Dictionary<string, KeyActivity>(StringComparer.Ordinal);
            var (completion, queue, firstToken, page) = (
                new LatencyHistogram(),
                new LatencyHistogram(),
                new LatencyHistogram(),
                new LatencyHistogram()
            );
            var minutes = new MinuteActivity[Minutes];
            for (var index = 0; index < Minutes; index++)
            {
                var number = now - Minutes + 1 + index;
                if (number < 0 || _minutes[number % Minutes] is not { } minute || minute.Number != number)
                {
                    minutes[index] = Quiet;
                    continue;
                }

                minutes[index] = new MinuteActivity(minute.Requests, minute.Failed, minute.Completion.Summarize());
                completion.Add(minute.Completion);
                queue.Add(minute.Queue);
                firstToken.Add(minute.FirstToken);
                page.Add(minute.Page);
                minute.AddTo(errors, keys);
            }

            var hourAgo = _clock.GetUtcNow() - TimeSpan.FromMinutes(Minutes);
            return new RecentActivity(
                hourAgo > _since ? hourAgo : _since,
                minutes,
                [
                    .. errors
                        .OrderByDescending(error => error.Value)
                        .ThenBy(error => error.Key, StringComparer.Ordinal)
                        .Select(error => new ErrorActivity(error.Key, error.Value)),
                ],
                keys,
                completion.Summarize(),
                queue.Summarize(),
                firstToken.Summarize(),
                page.Summarize()
            );
        }
    }

    private static readonly MinuteActivity Quiet = new(0, 0, null);

    /// <summary>The minute since the start. No change of the system's clock moves it.</summary>
    private long Number() => _clock.GetElapsedTime(_startedAt).Ticks / TimeSpan.TicksPerMinute;

    private Minute Current()
    {
        var number = Number();
        var minute = _minutes[number % Minutes];
        if (minute.Number != number)
        {
            minute.Begin(number);
        }

        return minute;
    }

    private sealed class Minute
    {
        private readonly Dictionary<string, long> _errors = new(StringComparer.Ordinal);
        private readonly Dictionary<string, KeyActivity> _keys = new(StringComparer.Ordinal);

        /// <summary>The minute since the start that it holds; -1 for none yet.</summary>
        public long Number { get; private set; } = -1;

        public long Requests { get; private set; }

        public long Failed { get; private set; }

        public LatencyHistogram Completion { get; } = new();

        public LatencyHistogram Queue { get; } = new();

        public LatencyHistogram FirstToken { get; } = new();

        public LatencyHistogram Page { get; } = new();

        public void Begin(long number)
        {
            (Number, Requests, Failed) = (number, 0, 0);
            _errors.Clear();
            _keys.Clear();
            Completion.Clear();
            Queue.Clear();
            FirstToken.Clear();
            Page.Clear();
        }

        public void Take(AuditEntry entry)
        {
            var failed = entry.Error is null ? 0 : 1;
            Requests++;
            Failed += failed;
            if (entry.Error is { } error)
            {
                Take(error);
            }

            if (entry.KeyId is { } keyId && (_keys.Count < MaxKeys || _keys.ContainsKey(keyId)))
            {
                ref var key = ref CollectionsMarshal.GetValueRefOrAddDefault(_keys, keyId, out _);
                key = new KeyActivity(key.Requests + 1, key.Failed + failed);
            }

            // An answer from memory does not tell how long answers take.
            if (entry.Detail != "replayed")
            {
                TakeTimes(entry);
            }
        }

        public void Take(string error)
        {
            if (_errors.Count < MaxErrors || _errors.ContainsKey(error))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_errors, error, out _)++;
            }
        }

        public void AddTo(Dictionary<string, long> errors, Dictionary<string, KeyActivity> keys)
        {
            foreach (var (error, count) in _errors)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(errors, error, out _) += count;
            }

            foreach (var (keyId, activity) in _keys)
            {
                ref var key = ref CollectionsMarshal.GetValueRefOrAddDefault(keys, keyId, out _);
                key = new KeyActivity(key.Requests + activity.Requests, key.Failed + activity.Failed);
            }
        }

        private void TakeTimes(AuditEntry entry)
        {
            if (entry.Queue is { } queue)
            {
                Queue.Add(queue);
            }

            if (entry.FirstToken is { } firstToken)
            {
                FirstToken.Add(firstToken);
            }

            if (entry is { Error: null, Total: { } total })
            {
                switch (entry.Action)
                {
                    case "complete":
                        Completion.Add(total);
                        break;
                    case "fetch":
                        Page.Add(total);
                        break;
                }
            }
        }
    }
}
