using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;
using Relay.Redis;
using StackExchange.Redis;

namespace Relay.UnitTests.Redis;

/// <summary>Two relays on one real server: what is of both, and what becomes of one that dies.</summary>
public sealed class RedisFleetTests : IAsyncLifetime
{
    private const int Many = 1_000_000;

    private static readonly QuotaLimits Limits = new(Many, Many, Many, 1000, 100);

    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly string _fleet = $"t{Guid.NewGuid():N}";
    private RedisRelay _one = null!;
    private RedisRelay _two = null!;

    public async ValueTask InitializeAsync()
    {
        (_one, _two) = (
            await RedisRelay.StartAsync(RedisServer.Shared, _fleet, _clock),
            await RedisRelay.StartAsync(RedisServer.Shared, _fleet, _clock)
        );
        await _one.BeatAsync();
        await _two.BeatAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task Of_six_hundred_from_two_relays_at_once_exactly_a_hundred_are_admitted()
    {
        var limits = Limits with { PerDay = 100 };

        var decisions = await Task.WhenAll(
                Enumerable
                    .Range(0, 600)
                    .Select(number => Task.Run(async () => await ChargeAsync(number % 2 == 0 ? _one : _two, limits), Waiting.Token))
            )
            .InTime();

        decisions.Count(decision => decision.Charge is not null).Should().Be(100);
    }

    [Fact]
    public async Task A_keys_minute_day_and_money_are_those_of_the_fleet()
    {
        await SettleAsync(_one, (await ChargeAsync(_one, Limits)).Charge!, 60);
        await SettleAsync(_two, (await ChargeAsync(_two, Limits)).Charge!, 30);

        (await _one.Quotas.PeekAsync("a", Limits, Waiting.Token))
            .Statuses.Select(status => status.Limit - status.Remaining)
            .Should()
            .Equal(2, 2, 9000);
        (await ChargeAsync(_one, Limits with { PerMinute = 2 })).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        (await ChargeAsync(_two, Limits with { PerDay = 2 })).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);
        (await ChargeAsync(_two, Limits with { UsdPerDay = 90 })).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);
    }

    [Fact]
    public async Task A_refusal_for_what_still_runs_is_not_taken_as_certain()
    {
        var limits = Limits with { UsdPerDay = 1 };
        await ChargeAsync(_one, limits, reserve: 5);

        (await ChargeAsync(_one, limits)).Refusal!.Code.Should().Be(ErrorCode.RateLimited);

        _one.Quotas.FindKnownRefusal("a", limits).Should().BeNull("it is over as soon as the other one ends, wherever that runs");
    }

    [Fact]
    public async Task A_keys_places_are_those_of_the_fleet_and_who_waits_for_one_gets_it_when_it_is_free()
    {
        var limits = Limits with { Concurrency = 2 };
        var first = await ChargeAsync(_one, limits);
        var second = await ChargeAsync(_two, limits);
        var third = await ChargeAsync(_two, limits);
        (first.Charge!.IsWaiting, second.Charge!.IsWaiting, third.Charge!.IsWaiting).Should().Be((false, false, true));
        (first.Running, second.Running, third.Running).Should().Be((1, 2, 2));
        var waiting = _two.Quotas.WaitForPlaceAsync(third.Charge, () => 2, Waiting.Token);
        waiting.IsCompleted.Should().BeFalse();

        await SettleAsync(_one, first.Charge, 1);

        await waiting.InTime();
        (await ChargeAsync(_one, limits)).Charge!.IsWaiting.Should().BeTrue("it was taken");
    }

    [Fact]
    public async Task The_last_settlements_are_told_also_when_the_time_to_stop_is_over()
    {
        var charge = (await ChargeAsync(_one, Limits, reserve: 5)).Charge!;
        await _one.Quotas.SettleAsync(charge, Any.Model(), new Spending(), 1, Waiting.Token);

        await _one.Outbox.StopAsync(new CancellationToken(canceled: true)).InTime();

        (await _two.Usage.ReadAsync("a", new DateOnly(2026, 3, 14), Waiting.Token)).Sum(row => row.Usage.CostUsd).Should().Be(1);
    }

    [Fact]
    public async Task A_waiting_charge_that_the_fleet_has_given_up_gets_no_place()
    {
        var limits = Limits with { Concurrency = 1 };
        await ChargeAsync(_one, limits);
        var waiting = (await ChargeAsync(_two, limits)).Charge!;
        await PassAsync(TimeSpan.FromSeconds(16), _one);

        var place = () => _two.Quotas.WaitForPlaceAsync(waiting, () => 1, Waiting.Token);

        (await place.Should().ThrowAsync<RelayErrorException>()).Which.Error.Code.Should().Be(ErrorCode.StateUnavailable);
    }

    [Fact]
    public async Task A_request_that_gives_up_waiting_takes_no_place()
    {
        var limits = Limits with { Concurrency = 1 };
        var running = (await ChargeAsync(_one, limits)).Charge!;
        var gone = (await ChargeAsync(_two, limits)).Charge!;
        using var left = new CancellationTokenSource();
        var waiting = _two.Quotas.WaitForPlaceAsync(gone, () => 1, left.Token);

        await left.CancelAsync();
        await ((Func<Task>)(() => waiting)).Should().ThrowAsync<OperationCanceledException>();
        await _two.Quotas.GiveBackAsync(gone, Any.Model(), Waiting.Token);
        await _two.ToldAsync();
        await SettleAsync(_one, running, 1);

        (await ChargeAsync(_one, limits)).Charge!.IsWaiting.Should().BeFalse();
    }

    [Fact]
    public async Task Running_requests_of_a_dead_relay_count_as_spent_once_and_their_places_are_free()
    {
        var limits = Limits with { Concurrency = 20 };
        for (var request = 0; request < 20; request++)
        {
            await ChargeAsync(_one, limits, reserve: 0.5m);
        }

        (await ChargeAsync(_two, limits)).Charge!.IsWaiting.Should().BeTrue();
        await _one.DisposeAsync();
        await PassAsync(TimeSpan.FromSeconds(14), _two);
        (await ChargeAsync(_two, limits)).Charge!.IsWaiting.Should().BeTrue("its leases are not over yet");

        await PassAsync(TimeSpan.FromSeconds(2), _two);

        (await ChargeAsync(_two, limits)).Charge!.IsWaiting.Should().BeFalse();
        (await ChargeAsync(_two, limits with { UsdPerDay = 10 }))
            .Refusal!.Code.Should()
            .Be(ErrorCode.DailyLimit, "ten dollars were reserved, and are spent");
        (await _two.Usage.ReadAsync("a", new DateOnly(2026, 3, 14), Waiting.Token))
            .Sum(row => row.Usage.CostUsd)
            .Should()
            .Be(10.03m, "with what the other three may cost");
    }

    [Fact]
    public async Task Thousands_of_void_charges_are_forgotten_in_the_end()
    {
        var (counters, second) = (
            _one.Link.Names.Counters(RedisNames.MemberOf("a", QuotaBucket.Completions)),
            Any.Time.ToUnixTimeSeconds()
        );
        await ChargeAsync(_one, Limits);
        await _one.Link.AskAsync(
            async database =>
            {
                await database.HashSetAsync(
                    counters,
                    [.. Enumerable.Range(0, 9000).Select(number => new HashEntry($"or.{number}", $"{second / 86_400} {second} 0 - g"))]
                );
                return true;
            },
            Waiting.Token
        );
        await PassAsync(TimeSpan.FromMinutes(11), _one);

        (await ChargeAsync(_one, Limits)).Charge.Should().NotBeNull();

        (await _one.Link.AskAsync(database => database.HashLengthAsync(counters), Waiting.Token)).Should().BeLessThan(20);
    }

    [Fact]
    public async Task A_relay_that_was_taken_for_dead_puts_right_what_it_spent()
    {
        var (settled, givenBack) = (
            (await ChargeAsync(_one, Limits, reserve: 5)).Charge!,
            (await ChargeAsync(_one, Limits, reserve: 7)).Charge!
        );
        await PassAsync(TimeSpan.FromSeconds(16), _two);
        await ChargeAsync(_two, Limits, reserve: 0);
        (await CentsAsync(_two)).Should().Be(1200);

        await SettleAsync(_one, settled, 0.25m);
        await _one.Quotas.GiveBackAsync(givenBack, Any.Model(), Waiting.Token);
        await _one.ToldAsync();

        (await CentsAsync(_two)).Should().Be(25);
        (await _two.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses[1].Remaining.Should().Be(Many - 2);
        (await _two.Usage.ReadAsync("a", new DateOnly(2026, 3, 14), Waiting.Token))
            .Select(row => (row.Requests, row.Usage.CostUsd))
            .Should()
            .Equal((2, 0.25m));
    }

    [Fact]
    public async Task A_settlement_that_is_told_twice_counts_once()
    {
        var (settled, givenBack) = ((await ChargeAsync(_one, Limits)).Charge!, (await ChargeAsync(_one, Limits)).Charge!);
        for (var time = 0; time < 3; time++)
        {
            await SettleAsync(_one, settled, 2);
            await _one.Quotas.GiveBackAsync(givenBack, Any.Model(), Waiting.Token);
            await _one.ToldAsync();
        }

        (await CentsAsync(_two)).Should().Be(200);
        (await _two.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses[1].Remaining.Should().Be(Many - 1);
        (await _two.Usage.ReadAsync("a", new DateOnly(2026, 3, 14), Waiting.Token))
            .Select(row => (row.Requests, row.Usage.CostUsd))
            .Should()
            .Equal((1, 2m));
    }

    [Fact]
    public async Task A_charge_that_comes_after_it_was_given_back_is_void()
    {
        var charge = new QuotaCharge("a", new DateOnly(2026, 3, 14), 0, 1, QuotaBucket.Completions, $"{_one.Instance.Id}.1");
        await _one.Quotas.GiveBackAsync(charge, Any.Model(), Waiting.Token);
        await _one.ToldAsync();

        var late = async () => await ChargeAsync(_one, Limits);

        await late.Should().ThrowAsync<InvalidOperationException>("nobody waits for its answer any more");
        (await _two.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses[1].Remaining.Should().Be(Many);
    }

    [Fact]
    public async Task A_server_that_forgot_the_scripts_is_told_them_again()
    {
        await ChargeAsync(_one, Limits);
        RedisServer.Shared.Cli("script", "flush");

        await SettleAsync(_one, (await ChargeAsync(_one, Limits)).Charge!, 1);

        (await CentsAsync(_two)).Should().Be(101);
    }

    [Fact]
    public async Task A_day_that_has_begun_on_the_server_is_the_relays_too()
    {
        await ChargeAsync(_one, Limits);
        await PassAsync(TimeSpan.FromDays(3), _one);

        (await ChargeAsync(_one, Limits)).Charge!.Day.Should().Be(new DateOnly(2026, 3, 17));
    }

    [Fact]
    public async Task A_server_whose_clock_is_set_back_gives_nothing_of_the_day_back_and_shuts_no_minute()
    {
        var limits = Limits with { PerMinute = 1, PerDay = 2 };
        var behind = await RedisRelay.StartAsync(RedisServer.Shared, _fleet, new FakeTimeProvider(Any.Time.AddDays(-1)));
        await ChargeAsync(_one, limits);

        (await ChargeAsync(behind, limits)).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        var left = (await behind.Quotas.PeekAsync("a", limits, Waiting.Token)).Statuses;
        left[1].Remaining.Should().Be(1);
        left[0].Reset.Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(61));
        await behind.DisposeAsync();
    }

    [Fact]
    public async Task All_that_can_be_forgotten_is_forgotten_and_all_names_are_in_one_slot()
    {
        await SettleAsync(_one, (await ChargeAsync(_one, Limits)).Charge!, 1);
        await _one.Answers.ClaimAsync("n", "f", Waiting.Token);
        var names = RedisServer.Shared.Cli("--scan", "--pattern", $"*{_fleet}*").Split('\n');

        names.Should().HaveCountGreaterThan(7).And.OnlyContain(name => name.StartsWith($"{{{_fleet}}}:"));
        var forever = names.Where(name => RedisServer.Shared.Cli("ttl", name) == "-1").Select(name => name.Split(':', 2)[1]);
        forever
            .Should()
            .BeSubsetOf(["relays", "fleet", "last", "open", "keys", "keys:version", "keys:changed", "answers", "answers:bytes"]);
    }

    private static ValueTask<QuotaDecision> ChargeAsync(RedisRelay relay, QuotaLimits limits, decimal reserve = 0.01m) =>
        relay.Quotas.ChargeAsync("a", Any.Model(), limits, reserve, Waiting.Token);

    private static async Task SettleAsync(RedisRelay relay, QuotaCharge charge, decimal usd)
    {
        await relay.Quotas.SettleAsync(charge, Any.Model(), new Spending { Usage = new TokenUsage(1, 1, 1, 1, usd) }, usd, Waiting.Token);
        await relay.ToldAsync();
    }

    /// <summary>The money that is spent or reserved.</summary>
    private static async Task<long> CentsAsync(RedisRelay relay)
    {
        var usd = (await relay.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses.Single(status => status.Policy == "usd-day");
        return usd.Limit - usd.Remaining;
    }

    private Task PassAsync(TimeSpan time, params RedisRelay[] alive) => RedisRelay.PassAsync(_clock, time, alive);
}
