using Microsoft.Extensions.Time.Testing;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Infrastructure.Quotas;

/// <summary>Rules that every place that counts must keep as time passes: on a clock that the tests move.</summary>
public abstract class TimedQuotaStoreContract : QuotaStoreContract
{
    private static readonly DateOnly Today = new(2026, 3, 14);

    /// <summary>Everything's clock.</summary>
    protected FakeTimeProvider Clock { get; } = new(Any.Time);

    internal abstract IUsageReader Usage { get; }

    /// <summary>The number of random sequences that are tried.</summary>
    protected abstract int Times { get; }

    /// <summary>Makes a place to count in that is empty.</summary>
    protected abstract Task BeginAnewAsync();

    /// <summary>Time passes.</summary>
    protected abstract Task PassAsync(TimeSpan time);

    /// <summary>Somebody sets the clock, also backwards.</summary>
    protected abstract Task TurnAsync(DateTimeOffset now);

    /// <summary>The number of rows of usage, those of nothing included.</summary>
    protected abstract Task<long> RowsAsync();

    [Fact]
    public void Decisions_and_statuses_are_those_of_a_list_of_all_charges() =>
        Always.Holds(Always.Numbers(80), numbers => new Comparison(this, numbers).RunAsync().GetAwaiter().GetResult(), Times);

    [Fact]
    public async Task The_wait_for_the_minute_is_exact()
    {
        var limits = Limits(perMinute: 1);
        await PassAsync(TimeSpan.FromMilliseconds(700));
        (await ChargeAsync("a", limits)).Charge.Should().NotBeNull();
        await PassAsync(TimeSpan.FromSeconds(10));

        (await ChargeAsync("a", limits)).Refusal!.RetryAfter.Should().Be(TimeSpan.FromSeconds(50));

        await PassAsync(TimeSpan.FromSeconds(49));
        (await ChargeAsync("a", limits)).Charge.Should().BeNull("it is not sixty seconds yet");
        await PassAsync(TimeSpan.FromSeconds(1));
        (await ChargeAsync("a", limits)).Charge.Should().NotBeNull();
    }

    [Fact]
    public async Task A_refusal_for_the_minute_waits_no_longer_than_a_minute_and_its_time_is_honest()
    {
        var limits = Limits(perMinute: 2);
        await PassAsync(TimeSpan.FromMilliseconds(300));
        await ChargeAsync("a", limits);
        await PassAsync(TimeSpan.FromMilliseconds(200));
        await ChargeAsync("a", limits);

        (await ChargeAsync("a", limits)).Refusal!.RetryAfter.Should().Be(MinuteWindow.Length);

        await PassAsync(MinuteWindow.Length - TimeSpan.FromMilliseconds(1));
        (await ChargeAsync("a", limits)).Refusal!.RetryAfter.Should().Be(TimeSpan.FromMilliseconds(1));
        await PassAsync(TimeSpan.FromMilliseconds(1));
        (await ChargeAsync("a", limits)).Charge.Should().NotBeNull();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(30_000)]
    public async Task A_clock_that_was_far_ahead_for_a_moment_refuses_nobody_and_gives_nothing_back(int days)
    {
        var limits = new QuotaLimits(Many, 4, 5, 4, 1);
        await SettleAsync((await ChargeAsync("a", limits, reserve: 0.1m)).Charge!, 0.5m);
        var running = (await ChargeAsync("a", limits, reserve: 0.1m)).Charge!;
        var right = Clock.GetUtcNow();

        await TurnAsync(right.AddDays(days));
        for (var request = 0; request < 4; request++)
        {
            await SettleAsync((await ChargeAsync("a", limits, reserve: 0.1m)).Charge!, 0.1m);
        }

        await TurnAsync(right);
        (await LeftAsync("a", limits)).Skip(1).Should().Equal(("day", 2), ("usd-day", 40));
        await SettleAsync(running, 0.1m);
        (await ChargeAsync("a", limits, reserve: 0.1m)).Charge.Should().NotBeNull();
        (await ChargeAsync("a", limits, reserve: 0.1m)).Charge.Should().NotBeNull();
        (await ChargeAsync("a", limits, reserve: 0.1m)).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);
        (await ChargeAsync("b", limits)).Charge.Should().NotBeNull();
        (await ChargeAsync("b", limits)).Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
    }

    [Fact]
    public async Task Requests_that_come_to_nothing_leave_no_row_of_usage()
    {
        for (var request = 0; request < 20; request++)
        {
            var charge = (await Store.ChargeAsync("a", Any.Model($"claude-opus-{request}"), Limits(), 0.01m, Waiting.Token)).Charge!;
            await Store.GiveBackAsync(charge, Any.Model($"claude-opus-{request}"), Waiting.Token);
        }

        await CountedAsync();
        (await RowsAsync()).Should().Be(0);
        var late = (await ChargeAsync("a", Limits())).Charge!;
        await Usage.ReadAsync("a", Today, Waiting.Token);
        (await RowsAsync()).Should().BePositive("it runs");
        await Store.GiveBackAsync(late, Any.Model(), Waiting.Token);
        await CountedAsync();
        await Usage.ReadAsync("a", Today, Waiting.Token);
        (await RowsAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Statuses_say_what_there_is_what_is_left_and_when_there_is_more()
    {
        var limits = new QuotaLimits(2, 10, 10, 4, 2.509m);
        var midnight = new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero) - Clock.GetUtcNow();

        (await ChargeAsync("a", limits, reserve: 1.004m))
            .Statuses.Should()
            .Equal(
                new QuotaStatus("minute", 2, 1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)),
                new QuotaStatus("day", 10, 9, TimeSpan.FromDays(1), midnight),
                new QuotaStatus("usd-day", 250, 150, TimeSpan.FromDays(1), midnight)
            );
        await PassAsync(TimeSpan.FromSeconds(20));
        (await ChargeAsync("a", limits, reserve: 1m))
            .Statuses[0]
            .Should()
            .Be(new QuotaStatus("minute", 2, 0, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(40)));
    }

    [Fact]
    public async Task Looking_takes_nothing_and_says_the_same_as_the_decision_before_it()
    {
        var limits = new QuotaLimits(5, 7, 9, 4, 10);
        var decision = await ChargeAsync("a", limits);

        (await Store.PeekAsync("a", limits, Waiting.Token)).Statuses.Should().Equal(decision.Statuses);
        (await Store.PeekAsync("a", limits, Waiting.Token)).Statuses.Should().Equal(decision.Statuses);
        (await Store.PeekAsync("never seen", limits, Waiting.Token)).Statuses.Select(status => status.Remaining).Should().Equal(5, 7, 1000);
    }

    [Fact]
    public async Task A_refusal_is_known_without_asking_until_it_is_over()
    {
        var limits = Limits(perMinute: 1);
        Store.FindKnownRefusal("a", limits).Should().BeNull();
        var charge = (await ChargeAsync("a", limits)).Charge!;
        var refused = await ChargeAsync("a", limits);

        var known = Store.FindKnownRefusal("a", limits)!;

        (known.Refusal!.Code, known.Refusal.RetryAfter).Should().Be((refused.Refusal!.Code, refused.Refusal.RetryAfter));
        known.Statuses.Should().Equal(refused.Statuses);
        await Store.GiveBackAsync(charge, Any.Model(), Waiting.Token);
        Store.FindKnownRefusal("a", limits).Should().BeNull("there is room again");
    }

    [Fact]
    public async Task A_charge_from_before_midnight_never_counts_for_the_new_day()
    {
        await PassAsync(new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero) - Clock.GetUtcNow());
        var limits = new QuotaLimits(10, 2, 3, 4, 1);
        var (settled, givenBack) = (
            (await ChargeAsync("a", limits, reserve: 0.3m)).Charge!,
            (await ChargeAsync("a", limits, reserve: 0.3m)).Charge!
        );
        await PassAsync(TimeSpan.FromSeconds(1));
        (await ChargeAsync("a", limits, reserve: 0.3m)).Charge!.Day.Should().Be(Today.AddDays(1));

        await SettleAsync(settled, 0.9m);
        await Store.GiveBackAsync(givenBack, Any.Model(), Waiting.Token);
        await CountedAsync();

        (await LeftAsync("a", limits)).Should().Equal(("minute", 8), ("day", 1), ("usd-day", 70));
        (await Usage.ReadAsync("a", Today, Waiting.Token))
            .Select(row => (row.Day, row.Requests, row.Usage.CostUsd))
            .Should()
            .Equal((Today, 1, 0.9m), (Today.AddDays(1), 1, 0.3m));
    }

    [Fact]
    public async Task Usage_adds_up_by_day_key_and_model_and_pages_are_apart()
    {
        var limits = new QuotaLimits(Many, Many, Many, 4, null);
        await SpendAsync("a", 0.1m, tokens: new TokenUsage(1, 20, 300, 4000, null));
        await SpendAsync("a", 0.2m, tokens: new TokenUsage(1, 20, 300, 4000, null));
        await SpendAsync("a", 0.4m, model: "haiku");
        await SpendAsync("b", 0.8m);
        await ChargeAsync("b", limits, reserve: 1);
        var page = (await Store.ChargeAsync("a", null, limits with { Bucket = QuotaBucket.Fetches }, 0, Waiting.Token)).Charge!;
        await Store.SettleAsync(page, null, new Spending(), 0, Waiting.Token);
        await CountedAsync();

        (await Usage.ReadAsync(null, Today, Waiting.Token))
            .Should()
            .Equal(
                new UsageRow(Today, "a", "haiku", 1, new TokenUsage(0, 0, 0, 0, 0.4m)),
                new UsageRow(Today, "a", "opus", 2, new TokenUsage(2, 40, 600, 8000, 0.3m)),
                new UsageRow(Today, "a", null, 1, new TokenUsage(0, 0, 0, 0, 0)),
                new UsageRow(Today, "b", "opus", 2, new TokenUsage(0, 0, 0, 0, 1.8m))
            );
        (await Usage.ReadAsync("b", Today, Waiting.Token)).Should().ContainSingle();
        (await Usage.ReadLastUsedAsync(Waiting.Token))
            .Should()
            .Equal(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal) { ["a"] = Any.Time, ["b"] = Any.Time });
        (await LeftAsync("a", limits with { Bucket = QuotaBucket.Fetches }))
            .Should()
            .Equal(("fetch-minute", Many - 1), ("fetch-day", Many - 1));
    }

    private async Task SpendAsync(string keyId, decimal usd, string model = "opus", TokenUsage? tokens = null)
    {
        var charge = (await Store.ChargeAsync(keyId, Any.Model(model), Limits(), 0.01m, Waiting.Token)).Charge!;
        await Store.SettleAsync(charge, Any.Model(model), new Spending { Usage = tokens }, usd, Waiting.Token);
    }

    /// <summary>A store beside a list in which every charge is looked at every time.</summary>
    private sealed class Comparison(TimedQuotaStoreContract contract, int[] numbers)
    {
        private readonly List<Entry> _entries = [];
        private readonly QuotaLimits _limits = new(
            1 + (numbers[0] % 9),
            1 + (numbers[1] % 30),
            1 + (numbers[2] % 60),
            1000,
            numbers[3] % 2 == 0 ? null : 1 + (numbers[3] % 5)
        );

        public async Task RunAsync()
        {
            // On a whole second: from there on the seconds of uptime are the clock's.
            contract.Clock.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromMilliseconds(contract.Clock.GetUtcNow().Millisecond));
            await contract.BeginAnewAsync();
            foreach (var number in numbers.Skip(4))
            {
                var rest = number / 10;
                var open = _entries.Where(entry => !entry.IsOver).ToList();
                switch (number % 10)
                {
                    case < 6:
                        await ChargeAsync($"key-{rest % 3}", ((rest % 100) + 1) / 100m);
                        break;
                    case 6 when open.Count > 0:
                        var settled = open[rest % open.Count];
                        (settled.IsOver, settled.CostUsd) = (true, (rest % 150) / 100m);
                        await contract.SettleAsync(settled.Charge, settled.CostUsd);
                        break;
                    case 7 when open.Count > 0:
                        var givenBack = open[rest % open.Count];
                        (givenBack.IsOver, givenBack.IsGivenBack) = (true, true);
                        await contract.Store.GiveBackAsync(givenBack.Charge, Any.Model(), Waiting.Token);
                        await contract.CountedAsync();
                        break;
                    case 8:
                        await contract.PassAsync(TimeSpan.FromMilliseconds(rest % 70_000));
                        break;
                    case 9 when rest % 4 == 0:
                        await contract.PassAsync(TimeSpan.FromSeconds(rest % 32_400));
                        break;
                }
            }
        }

        private async Task ChargeAsync(string keyId, decimal reserve)
        {
            var now = contract.Clock.GetUtcNow();
            var day = DateOnly.FromDateTime(now.UtcDateTime);
            var ofDay = _entries.Where(entry => entry.Charge.Day == day && !entry.IsGivenBack).ToList();
            var own = ofDay.Where(entry => entry.Charge.KeyId == keyId).ToList();
            var inMinute = _entries
                .Where(entry => entry.Charge.KeyId == keyId)
                .GroupBy(entry => (entry.At - Any.Time).Ticks / TimeSpan.TicksPerSecond)
                .Where(other => other.Max(entry => entry.At) + MinuteWindow.Length > now)
                .Sum(other => other.Count(entry => !entry.IsGivenBack));
            var cost = own.Where(entry => entry.IsOver).Sum(entry => entry.CostUsd);
            var reserved = own.Where(entry => !entry.IsOver).Sum(entry => entry.Charge.ReservedUsd);
            var refused =
                inMinute >= _limits.PerMinute
                || own.Count >= _limits.PerDay
                || ofDay.Count >= _limits.GlobalPerDay
                || cost >= _limits.UsdPerDay
                || (own.Exists(entry => !entry.IsOver) && cost + reserved + reserve > _limits.UsdPerDay);

            var decision = await contract.ChargeAsync(keyId, _limits, reserve);

            (decision.Charge is null).Should().Be(refused);
            (decision.Refusal is null).Should().Be(!refused);
            if (decision.Charge is { } charge)
            {
                _entries.Add(new Entry(charge, now));
                (inMinute, reserved) = (inMinute + 1, reserved + reserve);
                (charge.Day, charge.KeyId, charge.ReservedUsd, charge.IsWaiting).Should().Be((day, keyId, reserve, false));
            }
            else
            {
                decision.Refusal!.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero);
            }

            var statuses = decision.Statuses.ToDictionary(status => status.Policy, status => status.Remaining, StringComparer.Ordinal);
            statuses["minute"].Should().Be(Math.Max(0, _limits.PerMinute - inMinute));
            statuses["day"].Should().Be(Math.Max(0, _limits.PerDay - own.Count - (refused ? 0 : 1)));
            if (_limits.UsdPerDay is { } budget)
            {
                statuses["usd-day"].Should().Be((long)Math.Floor(Math.Max(0, budget - cost - reserved) * 100));
            }
        }

        private sealed class Entry(QuotaCharge charge, DateTimeOffset at)
        {
            public QuotaCharge Charge { get; } = charge;

            public DateTimeOffset At { get; } = at;

            public bool IsOver { get; set; }

            public bool IsGivenBack { get; set; }

            public decimal CostUsd { get; set; }
        }
    }
}
