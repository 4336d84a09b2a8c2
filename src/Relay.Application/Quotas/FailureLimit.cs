using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>
/// A wide limit for requests that come to nothing. They cost nothing and are given back, so that no other limit holds a key that asks in a
/// loop although it only fails. In memory, for this relay.
/// </summary>
internal sealed class FailureLimit(IOptionsMonitor<QuotaOptions> options, TimeProvider clock)
{
    /// <summary>No key is held before it has failed this often within a minute.</summary>
    internal const int Least = 300;

    /// <summary>Failures for each request that the key may make in a minute.</summary>
    private const int PerRequest = 10;

    private readonly long _startedAt = clock.GetTimestamp();
    private readonly ConcurrentDictionary<string, MinuteWindow> _failures = new(StringComparer.Ordinal);

    private TimeSpan Uptime => clock.GetElapsedTime(_startedAt);

    /// <summary>Why the key's next request is refused; null when it is not.</summary>
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
                    $"{most} requests of this key came to nothing within a minute. Find out why they fail, then try again.",
                    RetryAfter: wait
                )
                : null;
        }
    }

    /// <summary>A request of the key came to nothing.</summary>
    public void Count(ApiKey key)
    {
        var window = _failures.GetOrAdd(key.Id, _ => new MinuteWindow());
        lock (window)
        {
            window.Add(Uptime, 1);
        }
    }
}
