namespace Relay.Application.Dashboard;

/// <summary>
/// Counts durations in steps of an eighth of a doubling. A percentile is at most 4.5 % off, whatever its size, and adding a duration
/// allocates nothing. Durations below a sixteenth of a millisecond count as nothing, those beyond an hour as an hour.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int StepsPerDoubling = 8;

    /// <summary>The smallest step, as a power of two of a millisecond.</summary>
    private const int Smallest = -4;

    /// <summary>The largest step, as a power of two of a millisecond: about seventy minutes.</summary>
    private const int Largest = 22;

    private const int Steps = ((Largest - Smallest) * StepsPerDoubling) + 1;

    private readonly int[] _counts = new int[Steps];
    private int _total;

    public void Add(TimeSpan time)
    {
        _counts[StepOf(time.TotalMilliseconds)]++;
        _total++;
    }

    public void Add(LatencyHistogram other)
    {
        if (other._total == 0)
        {
            return;
        }

        for (var step = 0; step < Steps; step++)
        {
            _counts[step] += other._counts[step];
        }

        _total += other._total;
    }

    public void Clear()
    {
        if (_total > 0)
        {
            Array.Clear(_counts);
            _total = 0;
        }
    }

    public LatencySummary? Summarize() =>
        _total == 0 ? null : new LatencySummary(_total, Percentile(0.50), Percentile(0.95), Percentile(0.99));

    private static int StepOf(double milliseconds)
    {
        var step = Math.Floor((Math.Log2(milliseconds) - Smallest) * StepsPerDoubling) + 1;
        // Also for a negative infinity, which is the logarithm of zero.
        return step >= 1 ? (int)Math.Min(step, Steps - 1) : 0;
    }

    /// <summary>The middle of the step that holds the value of this rank.</summary>
    private TimeSpan Percentile(double share)
    {
        var rank = (long)Math.Ceiling(_total * share);
        var step = -1;
        for (var seen = 0L; seen < rank; seen += _counts[step])
        {
            step++;
        }

        return step == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Pow(2, Smallest + ((step - 0.5) / StepsPerDoubling)));
    }
}
