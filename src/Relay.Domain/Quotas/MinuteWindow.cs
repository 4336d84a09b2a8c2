namespace Relay.Domain.Quotas;

/// <summary>
/// Requests of the last minute, counted by the second: a sliding window in a fixed amount of memory. A second counts until
/// sixty whole seconds have passed after it, so there are never more than the limit in any sixty seconds. Runs on uptime,
/// which no change of the clock moves.
/// </summary>
public sealed class MinuteWindow
{
    /// <summary>The window's length.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    private const int Seconds = 61;

    private readonly int[] _counts = new int[Seconds];
    private long _newest = long.MinValue;

    /// <summary>Requests in the window that ends now.</summary>
    public int Count { get; private set; }

    /// <summary>Whether anything is left in it.</summary>
    public bool IsEmpty(TimeSpan uptime)
    {
        Advance(uptime);
        return Count == 0;
    }

    /// <summary>Moves the window up to now.</summary>
    public void Advance(TimeSpan uptime)
    {
        var second = SecondOf(uptime);
        if (second <= _newest)
        {
            return;
        }

        var passed = _newest == long.MinValue ? Seconds : Math.Min(second - _newest, Seconds);
        for (var step = 0; step < passed; step++)
        {
            ref var slot = ref _counts[Slot(second - step)];
            Count -= slot;
            slot = 0;
        }

        _newest = second;
    }

    /// <summary>Counts requests of a second that is in the window; of an older one they are forgotten already.</summary>
    public void Add(long second, int requests)
    {
        if (second > _newest)
        {
            Advance(TimeSpan.FromSeconds(second));
        }

        if (second > _newest - Seconds)
        {
            // What is given back was counted once: never less than none.
            var change = Math.Max(requests, -_counts[Slot(second)]);
            _counts[Slot(second)] += change;
            Count += change;
        }
    }

    /// <summary>
    /// How long until a request finds less than the limit in the window, if no other comes; zero when it does now.
    /// <see cref="Advance"/> comes first.
    /// </summary>
    public TimeSpan UntilBelow(int limit, TimeSpan uptime)
    {
        var left = Count;
        for (var second = _newest - Seconds + 1; left >= limit && second <= _newest; second++)
        {
            left -= _counts[Slot(second)];
            if (left < limit)
            {
                return TimeSpan.FromSeconds(second + Seconds) - uptime;
            }
        }

        return TimeSpan.Zero;
    }

    /// <summary>The second of uptime a request counts for.</summary>
    public static long SecondOf(TimeSpan uptime) => (long)Math.Floor(uptime.TotalSeconds);

    private static int Slot(long second) => (int)(((second % Seconds) + Seconds) % Seconds);
}
