namespace Relay.Application.Dashboard;

/// <summary>
/// How often a time took how long, in steps of an eighth of a doubling: a percentile is at most 4.5 % off, whatever its size,
/// and taking one in costs no memory. Times below a sixteenth of a millisecond count as nothing, those beyond an hour as an hour.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int StepsPerDoubling = 8;

    /// <summary>Of a millisecond, as a power of two.</summary>
    private const int Smallest = -4;

    /// <summary>About seventy minutes.</summary>
    private const int Largest = 22;

    private const int Steps = ((Largest - Smallest) * StepsPerDoubling) + 1;

    private readonly int[] _counts = new int[Steps];
    private int _total;

    /// <summary>Takes a time in.</summary>
    public void Add(TimeSpan time)
    {
        _counts[StepOf(time.TotalMilliseconds)]++;
        _total++;
    }

    /// <summary>Takes in what another holds.</summary>
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

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        if (_total > 0)
        {
            Array.Clear(_counts);
            _total = 0;
        }
    }

    /// <summary>What it holds, in short; null when that is nothing.</summary>
    public LatencySummary? Summarize() =>
        _total == 0 ? null : new LatencySummary(_total, Percentile(0.50), Percentile(0.95), Percentile(0.99));

    private static int StepOf(double milliseconds)
    {
        var step = Math.Floor((Math.Log2(milliseconds) - Smallest) * StepsPerDoubling) + 1;
        // Also what is no number, for the logarithm of nothing is minus infinity.
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
