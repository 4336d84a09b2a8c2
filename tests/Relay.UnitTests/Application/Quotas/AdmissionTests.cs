using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>Requests that are let in, and those that are refused.</summary>
public sealed class AdmissionTests : AdmissionTestBase
{
    [Fact]
    public async Task An_admitted_request_has_a_charge_a_place_a_pass_and_the_standing_of_its_key()
    {
        var request = new Request(Key);

        var admitted = (await NowAsync(request)).Value;

        (admitted.Charge.KeyId, admitted.Model!.Value).Should().Be((Key.Id, "opus"));
        admitted.Charge.ReservedUsd.Should().Be(ModelPrice.Of(Any.Model()).Estimate(101, 16_000));
        Queue.RunningOf(Key.Id).Should().Be(1);
        request.Context.Model.Should().Be(Any.Model());
        request.Context.QueueTime.Should().Be(TimeSpan.Zero);
        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Remaining))
            .Should()
            .Equal(("minute", 99), ("day", 99), ("usd-day", 997), ("concurrency", 0));
    }

    [Fact]
    public async Task A_key_at_its_limit_is_refused_and_told_how_it_stands()
    {
        Settings.PerKeyRpm = 1;
        await NowAsync(new Request(Key));
        var request = new Request(Key);

        (await NowAsync(request))
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.RateLimited, RetryAfter = TimeSpan.FromSeconds(60) });

        request.Context.Quotas!.First(quota => quota.Policy == "minute").Remaining.Should().Be(0);
        request.Context.QueueTime.Should().BeNull("it never came that far");
    }

    [Fact]
    public async Task Of_many_at_once_as_many_are_charged_as_the_limits_allow_and_never_more_run_than_there_are_places()
    {
        (Settings.GlobalConcurrency, Settings.PerKeyConcurrency, Settings.QueueLimit, Settings.PerKeyDaily, Settings.PerKeyRpm) = (
            4,
            4,
            1000,
            100,
            1000
        );
        var (running, most) = (0, 0);
        var admission = Admission;

        var results = await Task.WhenAll(
                Enumerable
                    .Range(0, 500)
                    .Select(_ =>
                        Task.Run(
                            async () =>
                            {
                                if (
                                    !(await admission.AdmitAsync(new Request(Key), Waiting.Token)).TryGet(out var admitted, out var refusal)
                                )
                                {
                                    return refusal.Code;
                                }

                                InterlockedMax(ref most, Interlocked.Increment(ref running));
                                await Task.Yield();
                                Interlocked.Decrement(ref running);
                                await admission.EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: true);
                                return (ErrorCode?)null;
                            },
                            Waiting.Token
                        )
                    )
            )
            .InTime();

        results.Count(code => code is null).Should().Be(100);
        results.OfType<ErrorCode>().Should().HaveCount(400).And.OnlyContain(code => code == ErrorCode.DailyLimit);
        most.Should().BeInRange(1, 4);
        Queue.RunningOf(Key.Id).Should().Be(0);
    }

    [Fact]
    public async Task A_stopping_relay_lets_nothing_in_charges_nothing_and_says_so_before_a_body_is_read()
    {
        var running = (await NowAsync(new Request(Key))).Value;
        var waiting = AdmitAsync(new Request(Key));
        var admission = Admission;

        var drained = admission.CloseAsync(Waiting.Token);

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.ShuttingDown);
        var refused = (await NowAsync(new Request(Key))).Error!;
        refused.Code.Should().Be(ErrorCode.ShuttingDown);
        refused.RetryAfter.Should().BePositive();
        (await admission.PeekAsync(Key, QuotaBucket.Fetches, Waiting.Token)).Refusal!.Code.Should().Be(ErrorCode.ShuttingDown);
        admission.IsClosed.Should().BeTrue();
        drained.IsCompleted.Should().BeFalse();

        await admission.EndAsync(running, new Spending { ReachedApi = true }, succeeded: true);
        await drained.InTime();
        await ShouldHaveUsedAsync(1);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
