using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>
/// A wide limit for requests that come to nothing. Such requests cost nothing and are given back, so that no other limit holds a key that
/// fails in a loop. The counts are in memory, for this relay only.
/// </summary>
internal sealed class FailureLimit(IOptionsMonitor<QuotaOptions> options, TimeProvider clock)
{
    /// <summary>The failures within a minute that are allowed to every key.</summary>
    internal const int Least = 300;

    /// <summary>Failures for each request that the key may make in a minute.</summary>
    private const int PerRequest = 10;

    private readonly long _startedAt = clock.GetTimestamp();
    private readonly ConcurrentDictionary<string, MinuteWindow> _failures = new(StringComparer.Ordinal);

    private TimeSpan Uptime => clock.GetElapsedTime(_startedAt);

    public RelayError? Find(ApiKey key)
    {
        if (!_failures.TryGetValue(key.Id, out var window))
        {
            return null;
        }

        var most = (int)
            Math.Min(int.MaxValue, Math.Max(Least, (long)PerRequest * (key.Limits.RequestsPerMinute ?? options.CurrentValue.PerKeyRpm)));
        lock (window)
        {
            var uptime = Uptime;
            window.Advance(uptime);
            return window.UntilBelow(most, uptime) is var wait && wait > TimeSpan.Zero
                ? new RelayError(
                    ErrorCode.RateLimited,
                    $"{most} requests of this key failed within a minute. Find out why they fail, then try again.",
                    RetryAfter: wait
                )
                : null;
        }
    }

    public void Count(ApiKey key)
    {
        var window = _failures.GetOrAdd(key.Id, _ => new MinuteWindow());
        lock (window)
        {
            window.Add(Uptime, 1);
        }
    }
}
