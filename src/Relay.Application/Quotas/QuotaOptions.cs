using Relay.Application.Configuration;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>How much may be spent, and how much at once.</summary>
public sealed class QuotaOptions
{
    [Setting("GLOBAL_CONCURRENCY", "Completions that run at once.", Min = "1", Max = "1000", Reloads = true)]
    public int GlobalConcurrency { get; set; } = 4;

    [Setting("PER_KEY_CONCURRENCY", "Completions of one key that run at once, on all relays together, unless the key carries its own limit; more of them wait. When unset, all places but one of each relay, which is left to other keys.", Min = "1", Max = "1000", Reloads = true)]
    public int? PerKeyConcurrency { get; set; }

    [Setting("QUEUE_LIMIT", "Requests that may wait for a free place; completions and pages each.", Min = "0", Max = "100000", Reloads = true)]
    public int QueueLimit { get; set; } = 32;

    [Setting("QUEUE_TIMEOUT", "Longest wait for a free place.", Min = "100ms", Max = "1h", Reloads = true)]
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(20);

    [Setting("PER_KEY_RPM", "Completions of one key in any sixty seconds, unless the key carries its own limit.", Min = "1", Max = "10000000", Reloads = true)]
    public int PerKeyRpm { get; set; } = 30;

    [Setting("PER_KEY_DAILY", "Completions of one key in a UTC day, unless the key carries its own limit.", Min = "1", Max = "10000000", Reloads = true)]
    public int PerKeyDaily { get; set; } = 1000;

    [Setting("GLOBAL_DAILY", "Completions of all keys together in a UTC day.", Min = "1", Max = "10000000", Reloads = true)]
    public int GlobalDaily { get; set; } = 5000;

    [Setting("FETCH_RPM", "Pages that one key may fetch in any sixty seconds; refused ones count.", Min = "1", Max = "10000000", Reloads = true)]
    public int FetchRpm { get; set; } = 60;

    [Setting("FETCH_DAILY", "Pages that one key may fetch in a UTC day; refused ones count.", Min = "1", Max = "10000000", Reloads = true)]
    public int FetchDaily { get; set; } = 2000;

    [Setting("FETCH_CONCURRENCY", "Pages that are fetched at once.", Min = "1", Max = "1000", Reloads = true)]
    public int FetchConcurrency { get; set; } = 16;

    [Setting("FETCH_PER_KEY_CONCURRENCY", "Pages of one key that are fetched at once; more of them wait.", Min = "1", Max = "1000", Reloads = true)]
    public int FetchPerKeyConcurrency { get; set; } = 8;

    /// <summary>The limits that count for a key.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="bucket">Of what.</param>
    /// <param name="relays">Relays that share them, each with places as this one's: no key can have more at once than all of them.</param>
    public QuotaLimits LimitsOf(ApiKey key, QuotaBucket bucket, int relays) => bucket == QuotaBucket.Fetches
        ? new QuotaLimits(FetchRpm, FetchDaily, int.MaxValue, Math.Min(FetchPerKeyConcurrency, FetchConcurrency * relays), null, bucket)
        : new QuotaLimits(
            key.Limits.RequestsPerMinute ?? PerKeyRpm,
            key.Limits.RequestsPerDay ?? PerKeyDaily,
            GlobalDaily,
            Math.Min(key.Limits.Concurrency ?? PerKeyConcurrency ?? int.MaxValue, (IsBounded(key) ? GlobalConcurrency : AllButOne) * relays),
            key.Limits.UsdPerDay);

    /// <summary>How many requests of a key may run on this relay at once. A key without a limit of its own leaves a place to others on each relay.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="bucket">Of what.</param>
    public int PlacesOf(ApiKey key, QuotaBucket bucket) => bucket == QuotaBucket.Fetches ? FetchConcurrency : IsBounded(key) ? GlobalConcurrency : AllButOne;

    private int AllButOne => Math.Max(1, GlobalConcurrency - 1);

    private bool IsBounded(ApiKey key) => (key.Limits.Concurrency ?? PerKeyConcurrency) is not null;
}
