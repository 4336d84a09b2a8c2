using Relay.Application.Configuration;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>The limits of requests, of money and of concurrency.</summary>
public sealed class QuotaOptions
{
    /// <summary>The number of pages that one key may fetch at once, where no setting says otherwise.</summary>
    private const int OrdinaryFetches = 8;

    [Setting("GLOBAL_CONCURRENCY", "Run at most this many completions at once on this relay.", Min = "1", Max = "1000", Reloads = true)]
    public int GlobalConcurrency { get; set; } = 8;

    [Setting(
        "PER_KEY_CONCURRENCY",
        "Run at most this many completions of one key at once, on all relays together, unless the key has its own limit. More of them "
            + "wait. When unset, one place of each relay is left to other keys.",
        Min = "1",
        Max = "1000",
        Reloads = true
    )]
    public int? PerKeyConcurrency { get; set; }

    [Setting(
        "QUEUE_LIMIT",
        "Let at most this many requests wait for a free place on this relay: completions and pages each.",
        Min = "0",
        Max = "100000",
        Reloads = true
    )]
    public int QueueLimit { get; set; } = 32;

    [Setting("QUEUE_TIMEOUT", "Let a request wait at most this long for a free place.", Min = "100ms", Max = "1h", Reloads = true)]
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(20);

    [Setting(
        "PER_KEY_RPM",
        "Allow one key this many completions in any sixty seconds, unless the key has its own limit.",
        Min = "1",
        Max = "10000000",
        Reloads = true
    )]
    public int PerKeyRpm { get; set; } = 30;

    [Setting(
        "PER_KEY_DAILY",
        "Allow one key this many completions in a UTC day, unless the key has its own limit.",
        Min = "1",
        Max = "10000000",
        Reloads = true
    )]
    public int PerKeyDaily { get; set; } = 1000;

    [Setting("GLOBAL_DAILY", "Allow all keys together this many completions in a UTC day.", Min = "1", Max = "10000000", Reloads = true)]
    public int GlobalDaily { get; set; } = 5000;

    [Setting(
        "FETCH_RPM",
        "Let one key fetch this many pages in any sixty seconds. Refused pages count.",
        Min = "1",
        Max = "10000000",
        Reloads = true
    )]
    public int FetchRpm { get; set; } = 60;

    [Setting(
        "FETCH_DAILY",
        "Let one key fetch this many pages in a UTC day. Refused pages count.",
        Min = "1",
        Max = "10000000",
        Reloads = true
    )]
    public int FetchDaily { get; set; } = 2000;

    [Setting("FETCH_CONCURRENCY", "Fetch at most this many pages at once on this relay.", Min = "1", Max = "1000", Reloads = true)]
    public int FetchConcurrency { get; set; } = 16;

    [Setting(
        "FETCH_PER_KEY_CONCURRENCY",
        "Fetch at most this many pages of one key at once, on all relays together. More of them wait. When unset, at most 8, and one "
            + "place of each relay is left to other keys.",
        Min = "1",
        Max = "1000",
        Reloads = true
    )]
    public int? FetchPerKeyConcurrency { get; set; }

    /// <summary>The limits that apply to a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="bucket">The bucket.</param>
    /// <param name="relays">
    /// The number of relays that share the limits, each with as many places as this one. No key can run more requests than all of them
    /// have places.
    /// </param>
    public QuotaLimits LimitsOf(ApiKey key, QuotaBucket bucket, int relays) =>
        bucket == QuotaBucket.Fetches
            ? new QuotaLimits(
                FetchRpm,
                FetchDaily,
                int.MaxValue,
                Math.Min(FetchPerKeyConcurrency ?? OrdinaryFetches, FetchPlaces * relays),
                null,
                bucket
            )
            : new QuotaLimits(
                key.Limits.RequestsPerMinute ?? PerKeyRpm,
                key.Limits.RequestsPerDay ?? PerKeyDaily,
                GlobalDaily,
                Math.Min(
                    key.Limits.Concurrency ?? PerKeyConcurrency ?? int.MaxValue,
                    (IsBounded(key) ? GlobalConcurrency : AllButOne) * relays
                ),
                key.Limits.UsdPerDay
            );

    /// <summary>
    /// The number of a key's requests that may run on this relay at once. A key without its own limit leaves one place of each relay to
    /// other keys.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="bucket">The bucket.</param>
    public int PlacesOf(ApiKey key, QuotaBucket bucket) =>
        bucket == QuotaBucket.Fetches ? FetchPlaces
        : IsBounded(key) ? GlobalConcurrency
        : AllButOne;

    private int FetchPlaces => FetchPerKeyConcurrency is null ? Math.Max(1, FetchConcurrency - 1) : FetchConcurrency;

    private int AllButOne => Math.Max(1, GlobalConcurrency - 1);

    private bool IsBounded(ApiKey key) => (key.Limits.Concurrency ?? PerKeyConcurrency) is not null;
}
