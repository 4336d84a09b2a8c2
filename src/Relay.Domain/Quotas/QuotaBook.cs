namespace Relay.Domain.Quotas;

/// <summary>
/// Counts the requests and the money that all keys have used of their minute and their days, in one bucket. Check and count are one step,
/// so that exactly as many concurrent requests are admitted as the limits allow. The counts are in memory; the owner stores them and
/// brings them back (see <see cref="Restore"/>).
/// </summary>
/// <remarks>
/// Each request counts for the UTC day of the clock. The limits of a day count its requests and those of the next day, so that a clock
/// that is set back over midnight gives nothing back. Later days come from a wrong clock: they limit no key, and the counts of the right
/// day are still there when the clock is right again.
/// </remarks>
public sealed class QuotaBook
{
    /// <summary>Days whose counts are kept, the last used ones: a clock that jumps to and fro loses none of them.</summary>
    private const int KeptDays = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Counters> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<DateOnly, long> _totals = [];

    /// <summary>The counted days, the last used one at the end.</summary>
    private readonly List<DateOnly> _days = [];

    /// <summary>Brings back counts from before a restart.</summary>
    /// <param name="day">The UTC day of the counts.</param>
    /// <param name="keyId">The id of the key.</param>
    /// <param name="requests">Requests of that day.</param>
    /// <param name="costUsd">Cost of that day.</param>
    public void Restore(DateOnly day, string keyId, long requests, decimal costUsd)
    {
        lock (_lock)
        {
            Enter(day, TimeSpan.Zero);
            var counts = Of(keyId).Of(day);
            counts.Requests += requests;
            counts.CostUsd += costUsd;
            _totals[day] += requests;
        }
    }

    /// <summary>Brings back requests of the last minute before a restart.</summary>
    /// <param name="keyId">The id of the key.</param>
    /// <param name="at">The uptime before which they were made; negative for a time before the start.</param>
    /// <param name="requests">The number of requests.</param>
    public void RestoreMinute(string keyId, TimeSpan at, int requests)
    {
        lock (_lock)
        {
            Of(keyId).Minute.Add(at, requests);
        }
    }

    /// <summary>Takes one request and its possible cost from the key's limits, if all of them allow it.</summary>
    /// <param name="keyId">The id of the key that pays.</param>
    /// <param name="limits">The key's limits.</param>
    /// <param name="reserveUsd">
    /// The most that the request may cost, in US dollars. A key's only running request is admitted although this
    /// exceeds the rest of the key's limit.
    /// </param>
    /// <param name="now">UTC.</param>
    /// <param name="uptime">A time that only goes forwards.</param>
    public QuotaDecision Charge(string keyId, in QuotaLimits limits, decimal reserveUsd, DateTimeOffset now, TimeSpan uptime)
    {
        lock (_lock)
        {
            var today = DateOnly.FromDateTime(now.UtcDateTime);
            Enter(today, uptime);
            var counters = Of(keyId);
            counters.Minute.Advance(uptime);
            var standing = StandingOf(counters, limits, now, uptime);
            if (standing.FindRefusal(limits, reserveUsd) is { } refusal)
            {
                return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal));
            }

            var charge = new QuotaCharge(keyId, today, MinuteWindow.SecondOf(uptime), reserveUsd, limits.Bucket);
            var counts = counters.Of(today);
            counts.Requests++;
            counts.ReservedUsd += reserveUsd;
            counters.Minute.Add(uptime, 1);
            _totals[today]++;
            return new QuotaDecision(charge, null, StandingOf(counters, limits, now, uptime).Statuses(limits, null));
        }
    }

    /// <summary>The key's standing, and the refusal that a request would get now. Takes nothing.</summary>
    public QuotaDecision Peek(string keyId, in QuotaLimits limits, DateTimeOffset now, TimeSpan uptime)
    {
        lock (_lock)
        {
            var counters = _keys.GetValueOrDefault(keyId) ?? new Counters();
            counters.Minute.Advance(uptime);
            var standing = StandingOf(counters, limits, now, uptime);
            var refusal = standing.FindRefusal(limits, reserveUsd: 0);
            return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal));
        }
    }

    /// <summary>Settles a request with its cost.</summary>
    public void Settle(QuotaCharge charge, decimal costUsd)
    {
        lock (_lock)
        {
            if (_keys.GetValueOrDefault(charge.KeyId)?.Find(charge.Day) is { } counts)
            {
                counts.ReservedUsd -= charge.ReservedUsd;
                counts.CostUsd += costUsd;
            }
        }
    }

    /// <summary>Gives back a request that came to nothing; it costs nothing.</summary>
    public void GiveBack(QuotaCharge charge)
    {
        lock (_lock)
        {
            if (_keys.GetValueOrDefault(charge.KeyId) is not { } counters)
            {
                return;
            }

            counters.Minute.GiveBack(charge.Second);
            if (counters.Find(charge.Day) is { } counts)
            {
                counts.Requests--;
                counts.ReservedUsd -= charge.ReservedUsd;
                _totals[charge.Day]--;
            }
        }
    }

    /// <summary>Needs a call of <see cref="MinuteWindow.Advance"/> before it.</summary>
    private QuotaStanding StandingOf(Counters counters, in QuotaLimits limits, DateTimeOffset now, TimeSpan uptime)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var tomorrow = today.AddDays(1);
        var (ofToday, ofTomorrow, totalTomorrow) = (counters.Find(today), counters.Find(tomorrow), _totals.GetValueOrDefault(tomorrow));
        var costTomorrow = ofTomorrow?.CostUsd ?? 0;
        var minute = counters.Minute;

        // The clock was set back. A later day that is full by itself has to end, too.
        var isTomorrowFull =
            ofTomorrow?.Requests >= limits.PerDay
            || totalTomorrow >= limits.GlobalPerDay
            || (ofTomorrow is not null && costTomorrow >= limits.UsdPerDay);
        return new QuotaStanding(
            (ofToday?.Requests ?? 0) + (ofTomorrow?.Requests ?? 0),
            _totals.GetValueOrDefault(today) + totalTomorrow,
            (ofToday?.CostUsd ?? 0) + costTomorrow,
            (ofToday?.ReservedUsd ?? 0) + (ofTomorrow?.ReservedUsd ?? 0),
            minute.Count,
            minute.UntilBelow(limits.PerMinute, uptime),
            minute.UntilBelow(minute.Count, uptime),
            (isTomorrowFull ? tomorrow : today).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) + TimeSpan.FromDays(1) - now.UtcDateTime
        );
    }

    /// <summary>Adds a day to the counted ones.</summary>
    private void Enter(DateOnly day, TimeSpan uptime)
    {
        if (_days.Count > 0 && _days[^1] == day)
        {
            return;
        }

        _totals.TryAdd(day, 0);
        _days.Remove(day);
        _days.Add(day);
        if (_days.Count > KeptDays)
        {
            _totals.Remove(_days[0]);
            _days.RemoveAt(0);
        }

        foreach (var (keyId, counters) in _keys)
        {
            if (!counters.KeepOnly(_totals) && counters.Minute.IsEmpty(uptime))
            {
                _keys.Remove(keyId);
            }
        }
    }

    private Counters Of(string keyId)
    {
        if (!_keys.TryGetValue(keyId, out var counters))
        {
            _keys[keyId] = counters = new Counters();
        }

        return counters;
    }

    private sealed class Counters
    {
        private readonly List<DayCounts> _days = new(1);

        public MinuteWindow Minute { get; } = new();

        public DayCounts? Find(DateOnly day)
        {
            foreach (var counts in _days)
            {
                if (counts.Day == day)
                {
                    return counts;
                }
            }

            return null;
        }

        public DayCounts Of(DateOnly day)
        {
            if (Find(day) is { } found)
            {
                return found;
            }

            var counts = new DayCounts(day);
            _days.Add(counts);
            return counts;
        }

        /// <summary>Removes the counts of all other days.</summary>
        /// <returns>Whether any counts are left.</returns>
        public bool KeepOnly(Dictionary<DateOnly, long> days)
        {
            _days.RemoveAll(counts => !days.ContainsKey(counts.Day));
            return _days.Count > 0;
        }
    }

    private sealed class DayCounts(DateOnly day)
    {
        public DateOnly Day { get; } = day;

        public long Requests { get; set; }

        public decimal CostUsd { get; set; }

        public decimal ReservedUsd { get; set; }
    }
}
