namespace Relay.Domain.Quotas;

/// <summary>
/// What all keys have used of their minute and their day, in one bucket. Check and count are one step, so that of any number of requests
/// at once exactly as many are admitted as the limits allow. Counts in memory, of the keys that were active this day;
/// whoever owns it keeps it safe (see <see cref="Restore"/>).
/// </summary>
public sealed class QuotaBook
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Counters> _keys = new(StringComparer.Ordinal);

    private DateOnly _day = DateOnly.MinValue;
    private long _total;

    /// <summary>The UTC day that is counted. It only ever goes forwards: a clock that jumps back gives nothing back.</summary>
    public DateOnly Day
    {
        get
        {
            lock (_lock)
            {
                return _day;
            }
        }
    }

    /// <summary>Brings back what was counted before a restart.</summary>
    /// <param name="day">The day it was counted for; an older one than another call named is ignored.</param>
    /// <param name="keyId">Whose.</param>
    /// <param name="requests">Requests of that day.</param>
    /// <param name="costUsd">Cost of that day.</param>
    public void Restore(DateOnly day, string keyId, long requests, decimal costUsd)
    {
        lock (_lock)
        {
            Enter(day, TimeSpan.Zero);
            if (day == _day)
            {
                var counters = Of(keyId);
                counters.Requests += requests;
                counters.CostUsd += costUsd;
                _total += requests;
            }
        }
    }

    /// <summary>Brings back requests of the last minute before a restart.</summary>
    public void RestoreMinute(string keyId, long second, int requests)
    {
        lock (_lock)
        {
            Of(keyId).Minute.Add(second, requests);
        }
    }

    /// <summary>Takes one request and what it may cost from the key's limits, if all of them allow it.</summary>
    /// <param name="keyId">Who pays.</param>
    /// <param name="limits">The key's limits.</param>
    /// <param name="reserveUsd">What it may cost. A key's only running request is admitted also when this is more than what is left.</param>
    /// <param name="now">UTC.</param>
    /// <param name="uptime">A time that only goes forwards.</param>
    public QuotaDecision Charge(string keyId, in QuotaLimits limits, decimal reserveUsd, DateTimeOffset now, TimeSpan uptime)
    {
        lock (_lock)
        {
            Enter(DateOnly.FromDateTime(now.UtcDateTime), uptime);
            var counters = Of(keyId);
            counters.Minute.Advance(uptime);
            var standing = StandingOf(counters, limits, now, uptime);
            if (standing.FindRefusal(limits, reserveUsd) is { } refusal)
            {
                return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal));
            }

            var charge = new QuotaCharge(keyId, _day, MinuteWindow.SecondOf(uptime), reserveUsd, limits.Bucket);
            counters.Requests++;
            counters.ReservedUsd += reserveUsd;
            counters.Minute.Add(charge.Second, 1);
            _total++;
            return new QuotaDecision(charge, null, StandingOf(counters, limits, now, uptime).Statuses(limits, null));
        }
    }

    /// <summary>How a key stands, and whether a request would be refused now, without taking anything.</summary>
    public QuotaDecision Peek(string keyId, in QuotaLimits limits, DateTimeOffset now, TimeSpan uptime)
    {
        lock (_lock)
        {
            Enter(DateOnly.FromDateTime(now.UtcDateTime), uptime);
            var counters = _keys.GetValueOrDefault(keyId) ?? new Counters();
            counters.Minute.Advance(uptime);
            var standing = StandingOf(counters, limits, now, uptime);
            var refusal = standing.FindRefusal(limits, reserveUsd: 0);
            return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal));
        }
    }

    /// <summary>The request cost this much.</summary>
    public void Settle(QuotaCharge charge, decimal costUsd)
    {
        lock (_lock)
        {
            // What was charged before midnight and ends after it is no part of the new day.
            if (charge.Day == _day)
            {
                var counters = Of(charge.KeyId);
                counters.ReservedUsd -= charge.ReservedUsd;
                counters.CostUsd += costUsd;
            }
        }
    }

    /// <summary>The request came to nothing, and costs nothing.</summary>
    public void GiveBack(QuotaCharge charge)
    {
        lock (_lock)
        {
            var counters = Of(charge.KeyId);
            counters.Minute.Add(charge.Second, -1);
            if (charge.Day == _day)
            {
                counters.Requests--;
                counters.ReservedUsd -= charge.ReservedUsd;
                _total--;
            }
        }
    }

    /// <summary><see cref="MinuteWindow.Advance"/> comes first.</summary>
    private QuotaStanding StandingOf(Counters counters, in QuotaLimits limits, DateTimeOffset now, TimeSpan uptime)
    {
        var minute = counters.Minute;
        return new QuotaStanding(
            counters.Requests,
            _total,
            counters.CostUsd,
            counters.ReservedUsd,
            minute.Count,
            minute.UntilBelow(limits.PerMinute, uptime),
            minute.UntilBelow(minute.Count, uptime),
            UntilTomorrow(now));
    }

    /// <summary>By the day that is counted: with a clock that jumped back, that is more than a day.</summary>
    private TimeSpan UntilTomorrow(DateTimeOffset now) => _day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc) - now.UtcDateTime;

    private void Enter(DateOnly day, TimeSpan uptime)
    {
        if (day <= _day)
        {
            return;
        }

        _day = day;
        _total = 0;
        foreach (var (keyId, counters) in _keys)
        {
            (counters.Requests, counters.CostUsd, counters.ReservedUsd) = (0, 0, 0);
            if (counters.Minute.IsEmpty(uptime))
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
        public MinuteWindow Minute { get; } = new();

        public long Requests { get; set; }

        public decimal CostUsd { get; set; }

        public decimal ReservedUsd { get; set; }
    }
}
