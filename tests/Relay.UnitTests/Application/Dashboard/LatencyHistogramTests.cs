using Relay.Application.Dashboard;

namespace Relay.UnitTests.Application.Dashboard;

/// <summary>Percentiles from steps instead of from all values: what that costs is a bounded error.</summary>
public sealed class LatencyHistogramTests
{
    private const double Error = 0.0453;

    [Fact]
    public void A_percentile_is_at_most_four_and_a_half_percent_off() =>
        Always.Holds(
            Always.Numbers(count: 50),
            numbers =>
            {
                // From a tenth of a millisecond to about an hour, as many of each size.
                var times = numbers.Select(number => Math.Pow(10, -1 + (number % 1000 / 1000d * 7.5))).Order().ToList();
                var histogram = new LatencyHistogram();
                foreach (var time in times)
                {
                    histogram.Add(TimeSpan.FromMilliseconds(time));
                }

                var summary = histogram.Summarize()!;

                summary.Count.Should().Be(times.Count);
                IsClose(summary.P50, times[(int)Math.Ceiling(times.Count * 0.50) - 1]);
                IsClose(summary.P95, times[(int)Math.Ceiling(times.Count * 0.95) - 1]);
                IsClose(summary.P99, times[(int)Math.Ceiling(times.Count * 0.99) - 1]);
            }
        );

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(0.01)]
    public void Next_to_nothing_is_nothing(double milliseconds)
    {
        var histogram = new LatencyHistogram();

        histogram.Add(TimeSpan.FromMilliseconds(milliseconds));

        histogram.Summarize().Should().Be(new LatencySummary(1, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero));
    }

    [Fact]
    public void Durations_beyond_the_largest_step_count_as_the_longest()
    {
        var histogram = new LatencyHistogram();

        histogram.Add(TimeSpan.MaxValue);

        histogram.Summarize()!.P99.Should().BeCloseTo(TimeSpan.FromMinutes(70), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void Two_together_are_as_one_that_took_all()
    {
        var (left, right, both) = (new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram());
        for (var time = 1; time <= 100; time++)
        {
            (time % 3 == 0 ? left : right).Add(TimeSpan.FromMilliseconds(time));
            both.Add(TimeSpan.FromMilliseconds(time));
        }

        left.Add(right);

        left.Summarize().Should().Be(both.Summarize());
    }

    [Fact]
    public void One_that_was_cleared_holds_nothing()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(TimeSpan.FromSeconds(1));

        histogram.Clear();

        histogram.Summarize().Should().BeNull();
    }

    private static void IsClose(TimeSpan found, double exact) =>
        found.TotalMilliseconds.Should().BeInRange(exact * (1 - Error), exact * (1 + Error));
}
