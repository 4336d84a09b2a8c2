using System.Collections.Concurrent;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.Redis;

/// <summary>
/// This relay's share of the limits, for the time in which it can't ask: as much of each as there are relays, of what was left when it
/// last heard. Counted in memory, and anew for each such time.
/// </summary>
internal sealed class LocalShare(TimeProvider clock)
{
    private const int MostKeys = 200_000;

    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<(string KeyId, QuotaBucket Bucket), (int Day, QuotaStanding Standing)> _heard = new();
    private readonly HashSet<(string, QuotaBucket)> _seeded = [];
    private readonly Dictionary<QuotaBucket, long> _seededRequests = [];
    private readonly Dictionary<QuotaBucket, (int Day, long Total)> _totals = [];

    /// <summary>What was charged here since the state went away: the next time has books of its own.</summary>
    private readonly HashSet<string> _charged = new(StringComparer.Ordinal);
    private Dictionary<QuotaBucket, QuotaBook>? _books;
    private long _startedAt;

    /// <summary>Remembers how a key stands.</summary>
    public void Hear(string keyId, QuotaBucket bucket, int day, in QuotaStanding standing)
    {
        if (_heard.Count > MostKeys)
        {
            _heard.Clear();
        }

        _heard[(keyId, bucket)] = (day, standing);
        lock (_lock)
        {
            _totals[bucket] = (day, standing.Total);
        }
    }

    /// <summary>The state answers again: the next time begins anew.</summary>
    public void End()
    {
        if (_books is null)
        {
            return;
        }

        lock (_lock)
        {
            _books = null;
            _charged.Clear();
            _seeded.Clear();
            _seededRequests.Clear();
        }
    }

    /// <summary>Takes one request from this relay's share.</summary>
    /// <param name="id">The charge's.</param>
    /// <param name="keyId">Who pays.</param>
    /// <param name="limits">Of the whole fleet.</param>
    /// <param name="reserveUsd">What it may cost.</param>
    /// <param name="relays">How many share them.</param>
    public QuotaDecision Charge(string id, string keyId, QuotaLimits limits, decimal reserveUsd, int relays)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            var book = BookOf(limits.Bucket);
            var day = DateOnly.FromDateTime(now.UtcDateTime);
            if (
                _seeded.Add((keyId, limits.Bucket))
                && _heard.TryGetValue((keyId, limits.Bucket), out var heard)
                && heard.Day == RedisNames.ToNumber(day)
            )
            {
                var requests = Share(heard.Standing.Requests, relays);
                book.Restore(day, keyId, requests, (heard.Standing.CostUsd + heard.Standing.ReservedUsd) / relays);
                book.RestoreMinute(keyId, Uptime, (int)Share(heard.Standing.InMinute, relays));
                _seededRequests[limits.Bucket] = _seededRequests.GetValueOrDefault(limits.Bucket) + requests;
            }

            var decision = book.Charge(keyId, ShareOf(limits, relays, RedisNames.ToNumber(day)), reserveUsd, now, Uptime);
            if (decision.Charge is not null)
            {
                _charged.Add(id);
            }

            return decision with
            {
                Charge = decision.Charge is { } charge ? charge with { Id = id } : null,
                Relays = relays,
            };
        }
    }

    /// <summary>It cost this much.</summary>
    public void Settle(QuotaCharge charge, decimal costUsd)
    {
        lock (_lock)
        {
            if (_charged.Remove(charge.Id!))
            {
                BookOf(charge.Bucket).Settle(charge, costUsd);
            }
        }
    }

    /// <summary>It came to nothing.</summary>
    public void GiveBack(QuotaCharge charge)
    {
        lock (_lock)
        {
            if (_charged.Remove(charge.Id!))
            {
                BookOf(charge.Bucket).GiveBack(charge);
            }
        }
    }

    private TimeSpan Uptime => clock.GetElapsedTime(_startedAt);

    private QuotaLimits ShareOf(QuotaLimits limits, int relays, int day) =>
        limits with
        {
            PerMinute = (int)Share(limits.PerMinute, relays),
            PerDay = (int)Share(limits.PerDay, relays),
            // Of what is left of it: what other keys used is in no count here.
            GlobalPerDay = (int)
                Math.Min(
                    int.MaxValue,
                    Share(Math.Max(0, limits.GlobalPerDay - TotalOf(limits.Bucket, day)), relays)
                        + _seededRequests.GetValueOrDefault(limits.Bucket)
                ),
            UsdPerDay = limits.UsdPerDay / relays,
            Concurrency = limits.PlacesPerRelay(relays),
        };

    /// <summary>What all keys had used of the day when that was last heard.</summary>
    private long TotalOf(QuotaBucket bucket, int day) => _totals.TryGetValue(bucket, out var heard) && heard.Day == day ? heard.Total : 0;

    /// <summary>Rounded up: at least one of what there is.</summary>
    private static long Share(long whole, int relays) => (whole + relays - 1) / relays;

    private QuotaBook BookOf(QuotaBucket bucket)
    {
        if (_books is null)
        {
            _startedAt = clock.GetTimestamp();
            _books = new Dictionary<QuotaBucket, QuotaBook> { [QuotaBucket.Completions] = new(), [QuotaBucket.Fetches] = new() };
        }

        return _books[bucket];
    }
}
