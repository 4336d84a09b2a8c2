using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

public sealed class QuotaBookTests
{
    private const int Many = 1_000_000;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly QuotaBook _book = new();
    private DateTimeOffset _now = new(2026, 3, 14, 12, 0, 0, 250, TimeSpan.Zero);
    private TimeSpan _uptime = TimeSpan.FromMilliseconds(700);

    [Fact]
    public void Decisions_and_statuses_are_those_of_a_list_of_all_charges() =>
        Always.Holds(Always.Numbers(160), numbers => new Comparison(numbers).Run(), times: 80);

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
            index => decisions[index] = _book.Charge("a", limits, 0.01m, _now, _uptime)
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
        refusal.RetryAfter.Should().Be(new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero) - _now);

        Pass(refusal.RetryAfter!.Value - TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().BeNull();
        Pass(TimeSpan.FromTicks(1));
        Charge("a", limits).Charge.Should().NotBeNull();
    }

    [Fact]
    public void Of_two_limits_that_refuse_the_longer_wait_is_told()
    {
        _now = new DateTimeOffset(2026, 3, 14, 23, 59, 50, TimeSpan.Zero);
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
            _book.GiveBack(charge);
        }
    }

    [Fact]
    public void Looking_takes_nothing_and_says_the_same_as_the_decision_before_it()
    {
        var limits = new QuotaLimits(5, 7, 9, 4, 10);
        var decision = Charge("a", limits);

        for (var look = 0; look < 20; look++)
        {
            _book.Peek("a", limits, _now, _uptime).Statuses.Should().Equal(decision.Statuses);
            _book
                .Peek("never seen", limits, _now, _uptime)
                .Statuses.Should()
                .Equal(new QuotaBook().Peek("b", limits, _now, _uptime).Statuses);
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
        var looked = _book.Peek("b", limits, _now, _uptime);
        looked.Charge.Should().BeNull("a look takes nothing");
        looked.Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
        _book
            .Peek("b", limits with { GlobalPerDay = 2 }, _now, _uptime)
            .Statuses.Should()
            .NotContain(status => status.Policy == "global-day");
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

        _book.Settle(charge, 0.4m);
        Status("a", limits, "usd-day").Remaining.Should().Be(60);
        Charge("a", limits, reserve: 5).Charge.Should().NotBeNull();
    }

    [Fact]
    public void Running_requests_reserve_what_they_may_cost_and_settle_what_they_did()
    {
        var limits = Limits(usd: 1);
        var (first, second) = (Charge("a", limits, reserve: 0.5m).Charge!, Charge("a", limits, reserve: 0.5m).Charge!);
        Charge("a", limits, reserve: 0.01m).Refusal!.Code.Should().Be(ErrorCode.RateLimited);

        _book.Settle(first, 0.2m);
        Charge("a", limits, reserve: 0.3m).Charge.Should().NotBeNull();
        Charge("a", limits, reserve: 0.01m).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        _book.GiveBack(second);
        Charge("a", limits, reserve: 0.5m).Charge.Should().NotBeNull("what was given back was never spent");
    }

    [Fact]
    public void Spent_money_is_spent_until_midnight()
    {
        var limits = Limits(usd: 1);
        _book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 1.0m);

        var refusal = Charge("a", limits, reserve: 0.000001m).Refusal!;

        refusal.Should().BeEquivalentTo(new { Code = ErrorCode.DailyLimit, RetryAfter = UntilMidnight });
        Pass(UntilMidnight);
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        Status("a", limits, "usd-day").Remaining.Should().Be(90);
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
                    else if (book.Charge("a", limits, ((number % 60) + 1) / 100m, _now, _uptime).Charge is { } charge)
                    {
                        mostOfOne = running.Count == 0 ? Math.Max(mostOfOne, charge.ReservedUsd) : mostOfOne;
                        running.Add((charge, running.Count == 0));
                    }
                }

                spent.Should().BeLessThanOrEqualTo(3 + excess + mostOfOne);
            },
            times: 60
        );

    [Fact]
    public void A_charge_from_before_midnight_never_counts_for_the_new_day()
    {
        _now = new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero);
        var limits = new QuotaLimits(10, 2, 3, 4, 1);
        var (settled, givenBack) = (Charge("a", limits, reserve: 0.3m).Charge!, Charge("a", limits, reserve: 0.3m).Charge!);
        settled.Day.Should().Be(new DateOnly(2026, 3, 14));
        Pass(Second);
        Charge("a", limits, reserve: 0.3m).Charge!.Day.Should().Be(new DateOnly(2026, 3, 15));

        _book.Settle(settled, 0.9m);
        _book.GiveBack(givenBack);

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
        _book.Settle(Charge("a", limits).Charge!, 0.5m);
        Charge("a", limits);

        _now = _now.AddDays(-1);
        Pass(TimeSpan.FromMinutes(5), clockToo: false);

        var refusal = Charge("a", limits).Refusal!;
        refusal.Code.Should().Be(ErrorCode.DailyLimit);
        (_now + refusal.RetryAfter)
            .Should()
            .Be(new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero), "that day is over when it is over");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30_000)]
    public void A_clock_that_was_far_ahead_for_a_moment_refuses_nobody_and_gives_nothing_back(int days)
    {
        var limits = new QuotaLimits(Many, 4, 5, 4, 1);
        _book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 0.5m);
        Charge("a", limits, reserve: 0.1m).Charge.Should().NotBeNull();
        var right = _now;

        _now = right.AddDays(days);
        for (var request = 0; request < 4; request++)
        {
            _book.Settle(Charge("a", limits, reserve: 0.1m).Charge!, 0.1m);
        }

        _now = right.AddMinutes(1);
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
        _now = _now.AddDays(1);
        Charge("a", limits);
        _now = _now.AddDays(-1);

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
                    if (book.Charge("a", limits, 0.01m, _now, uptime).Refusal is { } refusal)
                    {
                        refusal.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero).And.BeLessThanOrEqualTo(MinuteWindow.Length);
                        book.Peek("a", limits, _now, uptime + refusal.RetryAfter!.Value).Refusal.Should().BeNull("the time is honest");
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
        _now = _now.AddHours(3);
        Charge("a", limits).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        _now = _now.AddHours(-6);
        Charge("a", limits).Refusal!.RetryAfter.Should().Be(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void A_clock_that_jumps_forward_begins_a_new_day_once()
    {
        var limits = Limits(perDay: 1);
        Charge("a", limits);
        _now = _now.AddDays(1);
        Charge("a", limits).Charge.Should().NotBeNull();
        _now = _now.AddDays(-1);
        Charge("a", limits).Charge.Should().BeNull("coming back is no new day");
        _now = _now.AddDays(1);
        Charge("a", limits).Charge.Should().BeNull("nor is going there again");
    }

    [Fact]
    public void Restored_counts_apply_and_those_of_an_older_day_do_not()
    {
        var limits = new QuotaLimits(5, 10, 12, 4, 2);
        _book.Restore(new DateOnly(2026, 3, 14), "a", 8, 1.5m);
        _book.Restore(new DateOnly(2026, 3, 14), "b", 3, 0);
        _book.Restore(new DateOnly(2026, 3, 13), "a", 2, 0.5m);
        _book.RestoreMinute("a", TimeSpan.FromSeconds(-30), 4);

        var statuses = _book.Peek("a", limits, _now, _uptime).Statuses;

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

    private TimeSpan UntilMidnight => new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero) - _now;

    private IEnumerable<string> KeysInMemory =>
        (
            (System.Collections.IDictionary)
                typeof(QuotaBook)
                    .GetField("_keys", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!
                    .GetValue(_book)!
        ).Keys.Cast<string>();

    private static QuotaLimits Limits(int perMinute = Many, int perDay = Many, int globalPerDay = Many, decimal? usd = null) =>
        new(perMinute, perDay, globalPerDay, 4, usd);

    private QuotaDecision Charge(string keyId, QuotaLimits limits, decimal reserve = 0.01m) =>
        _book.Charge(keyId, limits, reserve, _now, _uptime);

    private QuotaStatus Status(string keyId, QuotaLimits limits, string policy) =>
        _book.Peek(keyId, limits, _now, _uptime).Statuses.Single(status => status.Policy == policy);

    private void Pass(TimeSpan time, bool clockToo = true)
    {
        _uptime += time;
        _now += clockToo ? time : TimeSpan.Zero;
    }

    /// <summary>A book beside a list in which every charge is looked at every time.</summary>
    private sealed class Comparison(int[] numbers)
    {
        private readonly QuotaBook _book = new();
        private readonly List<Entry> _entries = [];
        private readonly QuotaLimits _limits = new(
            1 + (numbers[0] % 9),
            1 + (numbers[1] % 30),
            1 + (numbers[2] % 60),
            4,
            numbers[3] % 2 == 0 ? null : 1 + (numbers[3] % 5)
        );
        private DateTimeOffset _now = new(2026, 3, 14, 20, 0, 0, TimeSpan.Zero);
        private TimeSpan _uptime = TimeSpan.Zero;

        public void Run()
        {
            foreach (var number in numbers.Skip(4))
            {
                var rest = number / 10;
                var open = _entries.Where(entry => !entry.IsOver).ToList();
                switch (number % 10)
                {
                    case < 6:
                        Charge($"key-{rest % 3}", ((rest % 100) + 1) / 100m);
                        break;
                    case 6 when open.Count > 0:
                        var settled = open[rest % open.Count];
                        (settled.IsOver, settled.CostUsd) = (true, (rest % 150) / 100m);
                        _book.Settle(settled.Charge, settled.CostUsd);
                        break;
                    case 7 when open.Count > 0:
                        var givenBack = open[rest % open.Count];
                        (givenBack.IsOver, givenBack.IsGivenBack) = (true, true);
                        _book.GiveBack(givenBack.Charge);
                        break;
                    case 8:
                        Pass(TimeSpan.FromMilliseconds(rest % 70_000));
                        break;
                    case 9 when rest % 4 == 0:
                        // Up to nine hours, sometimes backwards; uptime knows nothing of it.
                        _now += TimeSpan.FromSeconds((rest % 32_400) - (rest % 3 == 0 ? 32_400 : 0));
                        break;
                }
            }
        }

        private void Pass(TimeSpan time) => (_now, _uptime) = (_now + time, _uptime + time);

        private void Charge(string keyId, decimal reserve)
        {
            var today = DateOnly.FromDateTime(_now.UtcDateTime);
            var ofDay = _entries
                .Where(entry => (entry.Charge.Day == today || entry.Charge.Day == today.AddDays(1)) && !entry.IsGivenBack)
                .ToList();
            var own = ofDay.Where(entry => entry.Charge.KeyId == keyId).ToList();
            var inMinute = _entries
                .Where(entry => entry.Charge.KeyId == keyId)
                .GroupBy(entry => entry.Charge.Second)
                .Where(second => second.Max(entry => entry.At) + MinuteWindow.Length > _uptime)
                .Sum(second => second.Count(entry => !entry.IsGivenBack));
            var cost = own.Where(entry => entry.IsOver).Sum(entry => entry.CostUsd);
            var reserved = own.Where(entry => !entry.IsOver).Sum(entry => entry.Charge.ReservedUsd);
            var minuteRefuses = inMinute >= _limits.PerMinute;
            var dayRefuses = own.Count >= _limits.PerDay;
            var globalRefuses = ofDay.Count >= _limits.GlobalPerDay;
            var spent = cost >= _limits.UsdPerDay;
            var maySpend = own.Exists(entry => !entry.IsOver) && cost + reserved + reserve > _limits.UsdPerDay;

            var decision = _book.Charge(keyId, _limits, reserve, _now, _uptime);

            (decision.Charge is null).Should().Be(minuteRefuses || dayRefuses || globalRefuses || spent || maySpend);
            (decision.Refusal is null).Should().Be(decision.Charge is not null);
            if (decision.Charge is { } charge)
            {
                _entries.Add(new Entry(charge, _uptime));
                (inMinute, reserved) = (inMinute + 1, reserved + reserve);
                (charge.Day, charge.KeyId, charge.ReservedUsd).Should().Be((today, keyId, reserve));
            }
            else
            {
                decision.Refusal!.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero);
            }

            var statuses = decision.Statuses.ToDictionary(status => status.Policy, StringComparer.Ordinal);
            statuses["minute"].Remaining.Should().Be(Math.Max(0, _limits.PerMinute - inMinute));
            statuses["day"].Remaining.Should().Be(Math.Max(0, _limits.PerDay - own.Count - (decision.Charge is null ? 0 : 1)));
            if (_limits.UsdPerDay is { } budget)
            {
                statuses["usd-day"].Remaining.Should().Be((long)Math.Floor(Math.Max(0, budget - cost - reserved) * 100));
            }

            if (decision.Refusal is { Code: ErrorCode.GlobalDailyLimit })
            {
                statuses["global-day"].Remaining.Should().Be(0);
            }

            ShouldAgree(keyId, decision);
        }

        /// <summary>
        /// Nothing left of a limit means that it refuses, and what refuses has nothing left; below a cent there is still money.
        /// </summary>
        private void ShouldAgree(string keyId, QuotaDecision decision)
        {
            var next = _book
                .Peek(keyId, _limits, _now, _uptime)
                .Statuses.ToDictionary(status => status.Policy, status => status.Remaining, StringComparer.Ordinal);
            if (decision.Refusal is { } refusal)
            {
                var empty = refusal.Code switch
                {
                    ErrorCode.RateLimited => next["minute"] == 0 || _limits.UsdPerDay is not null,
                    ErrorCode.DailyLimit => next["day"] == 0 || next["usd-day"] == 0,
                    _ => refusal.Code == ErrorCode.GlobalDailyLimit,
                };
                empty.Should().BeTrue();
            }
            else
            {
                // The last request of all keys finds the global limit used up only afterwards.
                decision
                    .Statuses.Select(status => status.Remaining)
                    .Should()
                    .Equal(next.Where(status => status.Key != "global-day").Select(status => status.Value));
            }
        }

        private sealed class Entry(QuotaCharge charge, TimeSpan at)
        {
            public TimeSpan At { get; } = at;

            public QuotaCharge Charge { get; } = charge;

            public bool IsOver { get; set; }

            public bool IsGivenBack { get; set; }

            public decimal CostUsd { get; set; }
        }
    }
}
