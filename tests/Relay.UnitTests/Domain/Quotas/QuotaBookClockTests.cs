using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

/// <summary>The ends of minutes and days, and clocks that jump.</summary>
public sealed class QuotaBookClockTests : QuotaBookTestBase
{
    [Fact]
    public void The_wait_for_the_minute_is_exact_to_the_tick()
    {
        var limits = Limits(perMinute: 1);
        Charge("a", limits).Charge.Should().NotBeNull();
        Pass(TimeSpan.FromSeconds(10));

        var wait = Charge("a", limits).Refusal!.RetryAfter!.Value;
        wait.Should().Be(TimeSpan.FromSeconds(50));

        Pass(wait - TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().BeNull("it is not sixty seconds yet");
        Pass(TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().NotBeNull();
    }

    [Fact]
    public void The_wait_for_the_day_ends_at_midnight_to_the_tick()
    {
        var limits = Limits(perDay: 1);
        Charge("a", limits);
        Pass(TimeSpan.FromMinutes(2));
        var refusal = Charge("a", limits).Refusal!;
        refusal.Code.Should().Be(ErrorCode.DailyLimit);
        refusal.RetryAfter.Should().Be(new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero) - Now);

        Pass(refusal.RetryAfter!.Value - TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().BeNull();
        Pass(TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().NotBeNull();
    }

    [Fact]
    public void Spent_money_is_spent_until_midnight()
    {
        var limits = Limits(usd: 1);
        Book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 1.0m);

        var refusal = Charge("a", limits, reserve: 0.000001m).Refusal!;

        refusal.Should().BeEquivalentTo(new { Code = ErrorCode.DailyLimit, RetryAfter = UntilMidnight });
        Pass(UntilMidnight);
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        Status("a", limits, "usd-day").Remaining.Should().Be(90);
    }

    [Fact]
    public void A_charge_from_before_midnight_never_counts_for_the_new_day()
    {
        Now = new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero);
        var limits = new QuotaLimits(10, 2, 3, 4, 1);
        var (settled, givenBack) = (Charge("a", limits, reserve: 0.3m).Charge!, Charge("a", limits, reserve: 0.3m).Charge!);
        settled.Day.Should().Be(new DateOnly(2026, 3, 14));
        Pass(Second);
        Charge("a", limits, reserve: 0.3m).Charge!.Day.Should().Be(new DateOnly(2026, 3, 15));

        Book.Settle(settled, 0.9m);
        Book.GiveBack(givenBack);

        (Status("a", limits, "day").Remaining, Status("a", limits, "usd-day").Remaining).Should().Be((1, 70));
        Status("a", limits, "minute").Remaining.Should().Be(8, "the minute goes on over midnight, without the one that was given back");
        Charge("a", limits, reserve: 0.3m).Charge.Should().NotBeNull();
        Charge("b", limits).Charge.Should().NotBeNull();
        Charge("c", limits).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit, "nothing of yesterday was taken off today's three");
    }

    [Fact]
    public void A_clock_that_is_set_back_over_midnight_gives_nothing_back()
    {
        var limits = Limits(perMinute: 2, perDay: 2, usd: 1);
        Book.Settle(Charge("a", limits).Charge!, 0.5m);
        Charge("a", limits);

        Now = Now.AddDays(-1);
        Pass(TimeSpan.FromMinutes(5), clockToo: false);

        var refusal = Charge("a", limits).Refusal!;
        refusal.Code.Should().Be(ErrorCode.DailyLimit);
        (Now + refusal.RetryAfter).Should().Be(new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero), "that day is over when it is over");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30_000)]
    public void A_clock_that_was_far_ahead_for_a_moment_refuses_nobody_and_gives_nothing_back(int days)
    {
        var limits = new QuotaLimits(Many, 4, 5, 4, 1);
        Book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 0.5m);
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        var right = Now;

        Now = right.AddDays(days);
        for (var request = 0; request < 4; request++)
        {
            Book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 0.1m);
        }

        Now = right.AddMinutes(1);
        (Status("a", limits, "day").Remaining, Status("a", limits, "usd-day").Remaining)
            .Should()
            .Be((2, 40), "the day has what it had before");
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        Charge("a", limits, reserve: 0.1m).Refusal!.RetryAfter.Should().Be(UntilMidnight);
        Charge("b", limits).Charge.Should().NotBeNull();
        Charge("b", limits).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
    }

    [Fact]
    public void A_clock_that_was_a_day_ahead_for_a_moment_refuses_nobody_who_has_not_used_up_the_day()
    {
        var limits = Limits(perDay: 3);
        Charge("a", limits);
        Now = Now.AddDays(1);
        Charge("a", limits);
        Now = Now.AddDays(-1);

        Charge("a", limits).Charge.Should().NotBeNull();
        var refusal = Charge("a", limits).Refusal!;

        refusal.RetryAfter.Should().Be(UntilMidnight, "tomorrow has room");
        Pass(UntilMidnight);
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Charge.Should().BeNull("one of the day was charged while the clock was ahead");
    }

    [Fact]
    public void A_refusal_for_the_minute_never_waits_longer_than_a_minute() =>
        Always.Holds(
            Always.Numbers(40),
            numbers =>
            {
                var book = new QuotaBook();
                var (limits, uptime) = (Limits(perMinute: 1 + (numbers[0] % 5)), TimeSpan.Zero);
                foreach (var number in numbers.Skip(1))
                {
                    uptime += TimeSpan.FromMilliseconds(number % 3000);
                    if (book.Charge("a", limits, 0.01m, Now, uptime).Refusal is { } refusal)
                    {
                        refusal.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero).And.BeLessThanOrEqualTo(MinuteWindow.Length);
                        book.Peek("a", limits, Now, uptime + refusal.RetryAfter!.Value).Refusal.Should().BeNull("the time is honest");
                    }
                }
            },
            times: 60
        );

    [Fact]
    public void A_clock_that_jumps_within_a_minute_moves_no_minute()
    {
        var limits = Limits(perMinute: 1);
        Charge("a", limits);
        Now = Now.AddHours(3);
        Charge("a", limits).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        Now = Now.AddHours(-6);
        Charge("a", limits).Refusal!.RetryAfter.Should().Be(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void A_clock_that_jumps_forward_begins_a_new_day_once()
    {
        var limits = Limits(perDay: 1);
        Charge("a", limits);
        Now = Now.AddDays(1);
        Charge("a", limits).Charge.Should().NotBeNull();
        Now = Now.AddDays(-1);
        Charge("a", limits).Charge.Should().BeNull("coming back is no new day");
        Now = Now.AddDays(1);
        Charge("a", limits).Charge.Should().BeNull("nor is going there again");
    }

    [Fact]
    public void Restored_counts_apply_and_those_of_an_older_day_do_not()
    {
        var limits = new QuotaLimits(5, 10, 12, 4, 2);
        Book.Restore(new DateOnly(2026, 3, 14), "a", 8, 1.5m);
        Book.Restore(new DateOnly(2026, 3, 14), "b", 3, 0);
        Book.Restore(new DateOnly(2026, 3, 13), "a", 2, 0.5m);
        Book.RestoreMinute("a", TimeSpan.FromSeconds(-30), 4);

        var statuses = Book.Peek("a", limits, Now, Uptime).Statuses;

        statuses.Select(status => status.Remaining).Should().Equal(1, 2, 50);
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
    }

    [Fact]
    public void Keys_that_are_quiet_for_days_are_forgotten()
    {
        for (var key = 0; key < 1000; key++)
        {
            Charge($"key-{key}", Limits());
        }

        Pass(TimeSpan.FromSeconds(30));
        Charge("awake", Limits());
        Pass(TimeSpan.FromSeconds(40));
        for (var day = 0; day < 3; day++)
        {
            Pass(TimeSpan.FromDays(1));
            Charge("awake", Limits());
        }

        KeysInMemory.Should().HaveCount(1001, "a clock that was ahead may come back to their day");
        Pass(TimeSpan.FromDays(1));
        Charge("a", Limits());

        KeysInMemory.Should().BeEquivalentTo("awake", "a");
    }

    private IEnumerable<string> KeysInMemory =>
        (
            (System.Collections.IDictionary)
                typeof(QuotaBook)
                    .GetField("_keys", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!
                    .GetValue(Book)!
        ).Keys.Cast<string>();
}
