using MediatR;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Dashboard;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Application.Dashboard;

/// <summary>Sums lose nothing of the rows they are of.</summary>
public sealed class SumUpUsageTests
{
    private static readonly DateOnly Today = new(2026, 3, 14);

    [Fact]
    public async Task Every_row_is_in_the_sums_of_its_day_its_key_and_its_model()
    {
        var sums = await SumUpAsync(
            3,
            new UsageRow(Today.AddDays(-2), "key_a", "opus", 2, new TokenUsage(10, 20, 30, 40, 0.5m)),
            new UsageRow(Today, "key_a", "haiku", 1, new TokenUsage(1, 2, 3, 4, 0.01m)),
            new UsageRow(Today, "key_b", "opus", 4, new TokenUsage(100, 200, 300, 400, 2m)),
            new UsageRow(Today, "key_b", null, 7, new TokenUsage(0, 0, 0, 0, null))
        );

        sums.ByDay.Should()
            .Equal(
                new UsageSum("2026-03-12", 2, 0, new TokenUsage(10, 20, 30, 40, 0.5m)),
                new UsageSum("2026-03-13", 0, 0, new TokenUsage(0, 0, 0, 0, 0)),
                new UsageSum("2026-03-14", 5, 7, new TokenUsage(101, 202, 303, 404, 2.01m))
            );
        sums.ByKey.Should()
            .Equal(
                new UsageSum("key_b", 4, 7, new TokenUsage(100, 200, 300, 400, 2m)),
                new UsageSum("shop", 3, 0, new TokenUsage(11, 22, 33, 44, 0.51m))
            );
        sums.ByModel.Should()
            .Equal(
                new UsageSum("opus", 6, 0, new TokenUsage(110, 220, 330, 440, 2.5m)),
                new UsageSum("haiku", 1, 0, new TokenUsage(1, 2, 3, 4, 0.01m))
            );
    }

    [Fact]
    public async Task Days_without_use_are_there_with_nothing()
    {
        var sums = await SumUpAsync(30);

        sums.ByDay.Should().HaveCount(30).And.OnlyContain(day => day.Requests == 0 && day.Usage.CostUsd == 0);
        (sums.ByDay[0].Name, sums.ByDay[^1].Name).Should().Be(("2026-02-13", "2026-03-14"));
        sums.ByKey.Should().BeEmpty();
    }

    private static async Task<UsageSums> SumUpAsync(int days, params UsageRow[] rows)
    {
        var mediator = Substitute.For<IMediator>();
        mediator
            .Send(new ReportUsageQuery(days), Waiting.Token)
            .Returns(
                Result<UsageReport>.Success(
                    new UsageReport(rows, new Dictionary<string, string>(StringComparer.Ordinal) { ["key_a"] = "shop" })
                )
            );
        return (
            await new SumUpUsageHandler(mediator, new FakeTimeProvider(Any.Time)).Handle(new SumUpUsageQuery(days), Waiting.Token)
        ).Value;
    }
}
