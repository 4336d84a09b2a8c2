using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

public sealed class AccountMeterTests
{
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void The_latest_report_of_each_limit_counts_and_the_fullest_comes_first()
    {
        var meter = new AccountMeter(_clock);

        meter.Report([new("five_hour", null, 0.2, null), new("requests", "opus", 0.9, null)]);
        meter.Report([new("five_hour", null, 0.3, null), new("requests", "haiku", 0.1, null)]);

        meter
            .Known.Select(use => (use.Kind, use.Family, use.Used))
            .Should()
            .Equal(("requests", "opus", 0.9), ("five_hour", null, 0.3), ("requests", "haiku", 0.1));
    }

    [Fact]
    public void A_limit_that_was_reset_is_not_known_until_the_next_answer()
    {
        var meter = new AccountMeter(_clock);
        meter.Report([new("five_hour", null, 0.9, _clock.GetUtcNow().AddMinutes(5))]);
        meter.Known.Should().ContainSingle();

        _clock.Advance(TimeSpan.FromMinutes(5));

        meter.Known.Should().BeEmpty();
    }

    [Fact]
    public void An_API_that_names_ever_new_limits_fills_no_memory()
    {
        var meter = new AccountMeter(_clock);

        meter.Report(Enumerable.Range(0, 1000).Select(index => new AccountUse($"limit_{index}", null, 0.5, null)));

        meter.Known.Should().HaveCount(64);
    }
}
