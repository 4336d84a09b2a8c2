using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

/// <summary>Limits of requests and of money.</summary>
public sealed class QuotaBookTests : QuotaBookTestBase
{
    [Theory]
    [InlineData(100, Many, Many, ErrorCode.RateLimited)]
    [InlineData(Many, 100, Many, ErrorCode.DailyLimit)]
    [InlineData(Many, Many, 100, ErrorCode.GlobalDailyLimit)]
    public void Five_hundred_at_once_against_a_limit_of_a_hundred_admit_exactly_a_hundred(
        int perMinute,
        int perDay,
        int globalPerDay,
        ErrorCode refusal
    )
    {
        var decisions = new QuotaDecision[500];
        var limits = new QuotaLimits(perMinute, perDay, globalPerDay, 4, null);

        Parallel.For(
            0,
            decisions.Length,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            index => decisions[index] = Book.Charge("a", limits, 0.01m, Now, Uptime)
        );

        decisions.Count(decision => decision.Charge is not null).Should().Be(100);
        decisions
            .Where(decision => decision.Charge is null)
            .Select(decision => decision.Refusal!.Code)
            .Should()
            .HaveCount(400)
            .And.OnlyContain(code => code == refusal);
    }

    [Fact]
    public void Keys_have_their_own_minute_and_day_and_share_the_relays()
    {
        var limits = new QuotaLimits(2, 3, 5, 4, null);
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        Charge("b", limits).Charge.Should().NotBeNull();
        Pass(TimeSpan.FromSeconds(61));
        Charge("a", limits).Charge.Should().NotBeNull();
        Charge("a", limits).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);
        Charge("b", limits).Charge.Should().NotBeNull();
        Charge("b", limits).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
        Charge("c", limits).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
    }

    [Fact]
    public void Of_two_limits_that_refuse_the_longer_wait_is_told()
    {
        Now = new DateTimeOffset(2026, 3, 14, 23, 59, 50, TimeSpan.Zero);
        var limits = Limits(perMinute: 1, perDay: 1);
        Charge("a", limits);

        var refusal = Charge("a", limits).Refusal!;

        refusal.Code.Should().Be(ErrorCode.RateLimited, "the day is over in ten seconds, the minute is not");
        Pass(TimeSpan.FromSeconds(Math.Ceiling(refusal.RetryAfter!.Value.TotalSeconds)));
        Charge("a", limits).Charge.Should().NotBeNull();
    }

    [Fact]
    public void A_refusal_takes_nothing()
    {
        var limits = Limits(perMinute: 1);
        Charge("a", limits);
        for (var attempt = 0; attempt < 50; attempt++)
        {
            Charge("a", limits).Charge.Should().BeNull();
        }

        Status("a", Limits(perMinute: 10, perDay: 10), "minute").Remaining.Should().Be(9);
        Status("a", Limits(perMinute: 10, perDay: 10), "day").Remaining.Should().Be(9);
    }

    [Theory]
    [InlineData(1, Many, Many)]
    [InlineData(Many, 1, Many)]
    [InlineData(Many, Many, 1)]
    public void A_request_given_back_can_be_taken_again(int perMinute, int perDay, int globalPerDay)
    {
        var limits = new QuotaLimits(perMinute, perDay, globalPerDay, 4, null);
        for (var round = 0; round < 3; round++)
        {
            var charge = Charge("a", limits).Charge!;
            Charge("a", limits).Charge.Should().BeNull();
            Book.GiveBack(charge);
        }
    }

    [Fact]
    public void Looking_takes_nothing_and_says_the_same_as_the_decision_before_it()
    {
        var limits = new QuotaLimits(5, 7, 9, 4, 10);
        var decision = Charge("a", limits);

        for (var look = 0; look < 20; look++)
        {
            Book.Peek("a", limits, Now, Uptime).Statuses.Should().Equal(decision.Statuses);
            Book.Peek("never seen", limits, Now, Uptime).Statuses.Should().Equal(new QuotaBook().Peek("b", limits, Now, Uptime).Statuses);
        }

        Status("a", limits, "minute").Remaining.Should().Be(4);
    }

    [Fact]
    public void Statuses_say_what_there_is_what_is_left_and_when_there_is_more()
    {
        var limits = new QuotaLimits(2, 10, 10, 4, 2.509m);
        Charge("a", limits, reserve: 1.004m)
            .Statuses.Should()
            .Equal(
                new QuotaStatus("minute", 2, 1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)),
                new QuotaStatus("day", 10, 9, TimeSpan.FromDays(1), UntilMidnight),
                new QuotaStatus("usd-day", 250, 150, TimeSpan.FromDays(1), UntilMidnight)
            );
        Pass(TimeSpan.FromSeconds(20));
        Charge("a", limits, reserve: 1m)
            .Statuses[0]
            .Should()
            .Be(new QuotaStatus("minute", 2, 0, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(40)));
    }

    [Fact]
    public void The_rest_of_the_relays_own_limit_is_told_only_when_that_limit_refuses()
    {
        var limits = Limits(globalPerDay: 1);
        Charge("a", limits).Statuses.Should().NotContain(status => status.Policy == "global-day");

        Charge("b", limits).Statuses[^1].Should().Be(new QuotaStatus("global-day", 1, 0, TimeSpan.FromDays(1), UntilMidnight));
        var looked = Book.Peek("b", limits, Now, Uptime);
        looked.Charge.Should().BeNull("a look takes nothing");
        looked.Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
        Book.Peek("b", limits with { GlobalPerDay = 2 }, Now, Uptime).Statuses.Should().NotContain(status => status.Policy == "global-day");
    }

    [Fact]
    public void The_only_running_request_is_admitted_also_when_it_may_cost_more_than_is_left()
    {
        var limits = Limits(usd: 1);
        var charge = Charge("a", limits, reserve: 5).Charge!;
        Status("a", limits, "usd-day").Remaining.Should().Be(0);

        var second = Charge("a", limits, reserve: 0.01m).Refusal!;
        (second.Code, second.RetryAfter).Should().Be((ErrorCode.RateLimited, TimeSpan.FromSeconds(10)));
        Charge("b", limits, reserve: 5).Charge.Should().NotBeNull("another key has its own");

        Book.Settle(charge, 0.4m);
        Status("a", limits, "usd-day").Remaining.Should().Be(60);
        Charge("a", limits, reserve: 5).Charge.Should().NotBeNull();
    }

    [Fact]
    public void Running_requests_reserve_what_they_may_cost_and_settle_what_they_did()
    {
        var limits = Limits(usd: 1);
        var (first, second) = (Charge("a", limits, reserve: 0.5m).Charge!, Charge("a", limits, reserve: 0.5m).Charge!);
        Charge("a", limits, reserve: 0.01m).Refusal!.Code.Should().Be(ErrorCode.RateLimited);

        Book.Settle(first, 0.2m);
        Charge("a", limits, reserve: 0.3m).Charge.Should().NotBeNull();
        Charge("a", limits, reserve: 0.01m).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        Book.GiveBack(second);
        Charge("a", limits, reserve: 0.5m).Charge.Should().NotBeNull("what was given back was never spent");
    }

    [Fact]
    public void The_days_cost_exceeds_the_budget_by_no_more_than_costs_exceeded_their_reserves_and_the_one_that_ran_alone() =>
        Always.Holds(
            Always.Numbers(200),
            numbers =>
            {
                var book = new QuotaBook();
                var limits = Limits(usd: 3);
                List<(QuotaCharge Charge, bool Alone)> running = [];
                var (spent, excess, mostOfOne) = (0m, 0m, 0m);
                foreach (var number in numbers)
                {
                    if (number % 3 == 0 && running.Count > 0)
                    {
                        var (charge, _) = running[number / 3 % running.Count];
                        running.RemoveAll(other => other.Charge == charge);
                        var cost = (number / 7 % 100) / 100m;
                        spent += cost;
                        excess += Math.Max(0, cost - charge.ReservedUsd);
                        book.Settle(charge, cost);
                    }
                    else if (book.Charge("a", limits, ((number % 60) + 1) / 100m, Now, Uptime).Charge is { } charge)
                    {
                        mostOfOne = running.Count == 0 ? Math.Max(mostOfOne, charge.ReservedUsd) : mostOfOne;
                        running.Add((charge, running.Count == 0));
                    }
                }

                spent.Should().BeLessThanOrEqualTo(3 + excess + mostOfOne);
            },
            times: 60
        );
}
