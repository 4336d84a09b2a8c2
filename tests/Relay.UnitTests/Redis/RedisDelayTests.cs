using System.Diagnostics;
using Relay.Application.Idempotency;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Redis;

/// <summary>Lines that are slow, and answers that come late.</summary>
public sealed class RedisDelayTests : RedisFailureTestBase
{
    [Fact]
    public async Task A_long_line_delays_each_admission_by_one_round_trip_and_none_by_anothers()
    {
        using var line = new LongLine(Server.Port, TimeSpan.FromMilliseconds(100));
        await using var relay = await StartAsync(TimeSpan.FromSeconds(10), $"127.0.0.1:{line.Port}");
        await ChargeAsync(relay); // This also tells the server the script.

        var times = new List<TimeSpan>();
        var charges = new List<QuotaCharge>();
        for (var request = 0; request < 5; request++)
        {
            var watch = Stopwatch.StartNew();
            charges.Add((await ChargeAsync(relay)).Charge!);
            times.Add(watch.Elapsed);
        }

        times
            .Min()
            .Should()
            .BeGreaterThan(TimeSpan.FromMilliseconds(195))
            .And.BeLessThan(TimeSpan.FromMilliseconds(390), "two round trips would take 400");
        var settling = Stopwatch.StartNew();
        await relay.Quotas.SettleAsync(charges[0], Any.Model(), new Spending(), 1, Waiting.Token);
        settling.Elapsed.Should().BeLessThan(TimeSpan.FromMilliseconds(190), "settling delays nobody");
        var together = Stopwatch.StartNew();
        (await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ChargeAsync(relay).AsTask())))
            .Should()
            .OnlyContain(decision => decision.Charge != null);
        together.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5), "fifty in turn would take ten");
        await relay.ToldAsync();
        (await UsedAsync(relay)).Requests.Should().Be(56);
        relay.Link.Problem.Should().BeNull();
    }

    [Fact]
    public async Task A_line_that_is_longer_than_the_time_limit_is_none()
    {
        using var line = new LongLine(Server.Port, TimeSpan.FromMilliseconds(5));
        await using var relay = await StartAsync(TimeSpan.FromMilliseconds(400), $"127.0.0.1:{line.Port}");
        await UntilAnswersAsync(relay);
        var before = (await UsedAsync(relay)).Requests;

        line.Delay = TimeSpan.FromMilliseconds(250);
        await Waiting.UntilAsync(
            () => ChargeAsync(relay).AsTask().GetAwaiter().GetResult().Refusal is not null && !relay.Link.IsUp,
            "the breaker opens"
        );
        var watch = Stopwatch.StartNew();
        (await ChargeAsync(relay)).Refusal!.Code.Should().Be(ErrorCode.StateUnavailable);
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromMilliseconds(50));

        line.Delay = TimeSpan.FromMilliseconds(5);
        await UntilAnswersAsync(relay);
        await relay.ToldAsync();
        (await UsedAsync(relay)).Requests.Should().Be(before, "what arrived too late is given back");
    }

    [Fact]
    public async Task One_late_answer_refuses_nobody()
    {
        using var line = new LongLine(Server.Port, TimeSpan.FromMilliseconds(1));
        await using var relay = await StartAsync(TimeSpan.FromSeconds(2), $"127.0.0.1:{line.Port}");
        (await ChargeAsync(relay)).Charge.Should().NotBeNull();

        for (var round = 1; round <= 3; round++)
        {
            line.Delay = TimeSpan.FromSeconds(3);
            var late = ChargeAsync(relay).AsTask();
            await Task.Delay(TimeSpan.FromMilliseconds(100), Waiting.Token);
            line.Delay = TimeSpan.FromMilliseconds(1);

            (await late.InTime()).Charge.Should().NotBeNull("it is asked for once more, under the same id");
            (await ChargeAsync(relay)).Charge.Should().NotBeNull("others are let in meanwhile");
            await relay.ToldAsync();
            (await UsedAsync(relay)).Requests.Should().Be(1 + (2 * round), "each counts once");
        }

        relay.Link.Problem.Should().BeNull();
        relay.Log.Lines.Should().NotContain(line => line.Contains("No command is sent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_late_answer_to_a_claim_is_asked_for_once_more_and_claims_once()
    {
        using var line = new LongLine(Server.Port, TimeSpan.FromMilliseconds(1));
        await using var relay = await StartAsync(TimeSpan.FromSeconds(2), $"127.0.0.1:{line.Port}");
        await relay.Answers.ClaimAsync("other", "f", Waiting.Token);
        line.Delay = TimeSpan.FromSeconds(3);
        var late = relay.Answers.ClaimAsync("n", "f", Waiting.Token).AsTask();
        await Task.Delay(TimeSpan.FromMilliseconds(100), Waiting.Token);
        line.Delay = TimeSpan.FromMilliseconds(1);

        (await late.InTime()).State.Should().Be(IdempotencyState.Claimed);

        (await relay.Answers.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.InFlight);
        await relay.Answers.KeepAsync("n", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);
        (await relay.Answers.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
    }
}
