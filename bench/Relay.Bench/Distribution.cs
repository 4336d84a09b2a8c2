namespace Relay.Bench;

/// <summary>Milliseconds of many runs of the same thing.</summary>
internal sealed class Distribution
{
    private readonly List<double> _milliseconds = [];

    public int Count => _milliseconds.Count;

    public void Add(double milliseconds) => _milliseconds.Add(milliseconds);

    public void AddAll(Distribution other) => _milliseconds.AddRange(other._milliseconds);

    /// <summary>The value that a share of the runs did not exceed (nearest rank).</summary>
    public double At(double share) => _milliseconds.Order().ElementAt(Math.Clamp((int)Math.Ceiling(share * Count) - 1, 0, Count - 1));

    public override string ToString() => $"p50 {At(0.5), 8:0.0} ms   p95 {At(0.95), 8:0.0} ms   max {At(1), 8:0.0} ms   n {Count}";
}
