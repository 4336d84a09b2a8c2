using Relay.Application.Configuration;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>How much may be spent, and how much at once.</summary>
public sealed class QuotaOptions
{
    [Setting("GLOBAL_CONCURRENCY", "Completions that run at once.", Min = "1", Max = "1000")]
    public int GlobalConcurrency { get; set; } = 4;

    [Setting("PER_KEY_CONCURRENCY", "Completions of one key that run at once, unless the key carries its own limit; more of them wait. As many as of all keys when unset.", Min = "1", Max = "1000")]
    public int? PerKeyConcurrency { get; set; }

    [Setting("QUEUE_LIMIT", "Requests that may wait for a free place.", Min = "0", Max = "100000")]
    public int QueueLimit { get; set; } = 32;

    [Setting("QUEUE_TIMEOUT", "Longest wait for a free place.", Min = "100ms", Max = "1h")]
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(20);

    [Setting("PER_KEY_RPM", "Completions of one key in any sixty seconds, unless the key carries its own limit.", Min = "1", Max = "10000000")]
    public int PerKeyRpm { get; set; } = 30;

    [Setting("PER_KEY_DAILY", "Completions of one key in a UTC day, unless the key carries its own limit.", Min = "1", Max = "10000000")]
    public int PerKeyDaily { get; set; } = 1000;

    [Setting("GLOBAL_DAILY", "Completions of all keys together in a UTC day.", Min = "1", Max = "10000000")]
    public int GlobalDaily { get; set; } = 5000;

    /// <summary>The limits that count for a key.</summary>
    public QuotaLimits LimitsOf(ApiKey key) => new(
        key.Limits.RequestsPerMinute ?? PerKeyRpm,
        key.Limits.RequestsPerDay ?? PerKeyDaily,
        GlobalDaily,
        Math.Min(key.Limits.Concurrency ?? PerKeyConcurrency ?? GlobalConcurrency, GlobalConcurrency),
        key.Limits.UsdPerDay);
}
