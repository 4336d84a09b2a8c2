using Relay.Application.Usage;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Application.Usage;

/// <summary>Sums lose nothing of the rows they are of.</summary>
public sealed class UsageReportTests
{
    private static readonly DateOnly Today = new(2026, 3, 14);

    [Fact]
    public void Every_row_is_in_the_sums_of_its_day_its_key_and_its_model()
    {
        var report = Report(
            3,
            new UsageRow(Today.AddDays(-2), "key_a", "opus", 2, new TokenUsage(10, 20, 30, 40, 0.5m)),
            new UsageRow(Today, "key_a", "haiku", 1, new TokenUsage(1, 2, 3, 4, 0.01m)),
            new UsageRow(Today, "key_b", "opus", 4, new TokenUsage(100, 200, 300, 400, 2m)),
            new UsageRow(Today, "key_b", null, 7, new TokenUsage(0, 0, 0, 0, null))
        );

        report
            .ByDay()
            .Should()
            .Equal(
                new UsageTotal("2026-03-12", 2, 0, new TokenUsage(10, 20, 30, 40, 0.5m)),
                new UsageTotal("2026-03-13", 0, 0, new TokenUsage(0, 0, 0, 0, 0)),
                new UsageTotal("2026-03-14", 5, 7, new TokenUsage(101, 202, 303, 404, 2.01m))
            );
        report
            .ByKey()
            .Should()
            .Equal(
                new UsageTotal("key_b", 4, 7, new TokenUsage(100, 200, 300, 400, 2m)),
                new UsageTotal("shop", 3, 0, new TokenUsage(11, 22, 33, 44, 0.51m))
            );
        report
            .ByModel()
            .Should()
            .Equal(
                new UsageTotal("opus", 6, 0, new TokenUsage(110, 220, 330, 440, 2.5m)),
                new UsageTotal("haiku", 1, 0, new TokenUsage(1, 2, 3, 4, 0.01m))
            );
    }

    [Fact]
    public void Days_without_use_are_there_with_nothing()
    {
        var report = Report(30);

        report.ByDay().Should().HaveCount(30).And.OnlyContain(day => day.Requests == 0 && day.Usage.CostUsd == 0);
        (report.ByDay().First().Name, report.ByDay().Last().Name).Should().Be(("2026-02-13", "2026-03-14"));
        report.ByKey().Should().BeEmpty();
    }

    private static UsageReport Report(int days, params UsageRow[] rows) =>
        new(Today.AddDays(1 - days), Today, rows, new Dictionary<string, string>(StringComparer.Ordinal) { ["key_a"] = "shop" });
}
