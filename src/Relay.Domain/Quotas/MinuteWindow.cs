namespace Relay.Domain.Quotas;

/// <summary>
/// Requests of the last minute, counted by the second: a sliding window in a fixed amount of memory. A second counts until sixty seconds
/// have passed after its last request. So no sixty seconds ever hold more requests than the limit, and no request waits longer than sixty
/// seconds. The window runs on uptime, which no change of the clock moves.
/// </summary>
public sealed class MinuteWindow
{
    /// <summary>The window's length.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    private const int Seconds = 61;

    private readonly int[] _counts = new int[Seconds];
    private readonly TimeSpan[] _last = new TimeSpan[Seconds];
    private long _newest = long.MinValue;

    /// <summary>Requests in the window that ends now.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the window holds no requests.</summary>
    public bool IsEmpty(TimeSpan uptime)
    {
        Advance(uptime);
        return Count == 0;
    }

    /// <summary>Moves the window up to now.</summary>
    public void Advance(TimeSpan uptime)
    {
        var second = SecondOf(uptime);
        if (second > _newest)
        {
            var passed = _newest == long.MinValue ? Seconds : Math.Min(second - _newest, Seconds);
            for (var step = 0; step < passed; step++)
            {
                Forget(second - step);
            }

            _newest = second;
        }

        if (second == _newest && _last[Slot(second + 1)] + Length <= uptime)
        {
            // The last request of the oldest second is sixty seconds old already.
            Forget(second + 1);
        }
    }

    /// <summary>Counts requests that were made at a time in the window; older ones are forgotten already.</summary>
    public void Add(TimeSpan at, int requests)
    {
        Advance(at);
        var second = SecondOf(at);
        if (second > _newest - Seconds)
        {
            _counts[Slot(second)] += requests;
            Count += requests;
            if (at > _last[Slot(second)])
            {
                _last[Slot(second)] = at;
            }
        }
    }

    /// <summary>Takes back a request of a second that came to nothing. The count of a second never falls below zero.</summary>
    public void GiveBack(long second)
    {
        if (second > _newest - Seconds && second <= _newest && _counts[Slot(second)] > 0)
        {
            _counts[Slot(second)]--;
            Count--;
        }
    }

    /// <summary>
    /// The time until a request finds fewer than the limit in the window, if no other comes; zero when it does now. Needs a call of <see
    /// cref="Advance"/> before it.
    /// </summary>
    public TimeSpan UntilBelow(int limit, TimeSpan uptime)
    {
        var left = Count;
        for (var second = _newest - Seconds + 1; left >= limit && second <= _newest; second++)
        {
            left -= _counts[Slot(second)];
            if (left < limit)
            {
                return _last[Slot(second)] + Length - uptime;
            }
        }

        return TimeSpan.Zero;
    }

    /// <summary>The second of uptime that a request counts for.</summary>
    public static long SecondOf(TimeSpan uptime) => (long)Math.Floor(uptime.TotalSeconds);

    private void Forget(long second)
    {
        Count -= _counts[Slot(second)];
        (_counts[Slot(second)], _last[Slot(second)]) = (0, TimeSpan.MinValue);
    }

    private static int Slot(long second) => (int)(((second % Seconds) + Seconds) % Seconds);
}
