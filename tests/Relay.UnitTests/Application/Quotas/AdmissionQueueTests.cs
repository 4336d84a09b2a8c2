using NSubstitute;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>A request that waits for a place, and one that leaves without it.</summary>
public sealed class AdmissionQueueTests : AdmissionTestBase
{
    [Fact]
    public async Task Time_in_the_queue_is_told()
    {
        var running = (await NowAsync(new Request(Key))).Value;
        var request = new Request(Key);
        var waiting = AdmitAsync(request);
        Clock.Advance(TimeSpan.FromSeconds(3));
        await Admission.EndAsync(running, new Spending(), succeeded: true);
        (await waiting.InTime()).Error.Should().BeNull();
        request.Context.QueueTime.Should().Be(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_full_queue_costs_nothing()
    {
        await NowAsync(new Request(Key));
        _ = AdmitAsync(new Request(Key));

        var third = new Request(Key);
        var refusal = (await NowAsync(third).InTime()).Error!;

        third.Context.QueueTime.Should().BeNull("it did not stand in it: the audit log counts such ones together");
        refusal.Code.Should().Be(ErrorCode.QueueFull);
        refusal.RetryAfter.Should().Be(Queue.EstimateWait(Key.Id, 1)).And.BeGreaterThan(TimeSpan.Zero);
        await ShouldHaveUsedAsync(requests: 2);
    }

    [Fact]
    public async Task To_be_pushed_out_of_the_queue_costs_nothing()
    {
        Settings.QueueLimit = 2;
        await NowAsync(new Request(Key));
        var (first, second) = (AdmitAsync(new Request(Key)), AdmitAsync(new Request(Key)));

        _ = AdmitAsync(new Request(Any.Key("other")));

        (await second.InTime()).Error!.Code.Should().Be(ErrorCode.QueueFull);
        first.IsCompleted.Should().BeFalse();
        await ShouldHaveUsedAsync(requests: 2);
    }

    [Fact]
    public async Task To_have_waited_too_long_costs_nothing()
    {
        await NowAsync(new Request(Key));
        var waiting = AdmitAsync(new Request(Key));
        Clock.Advance(Settings.QueueTimeout);

        var refusal = (await waiting.InTime()).Error!;

        (refusal.Code, refusal.RetryAfter).Should().Be((ErrorCode.Overloaded, Queue.EstimateWait(Key.Id, 1)));
        refusal.Message.Should().Contain("20 s");
        await ShouldHaveUsedAsync(requests: 1);
    }

    [Fact]
    public async Task To_leave_the_queue_costs_nothing()
    {
        await NowAsync(new Request(Key));
        using var left = new CancellationTokenSource();
        var leaver = Admission.AdmitAsync(new Request(Key), left.Token);

        await left.CancelAsync();

        await ((Func<Task>)(() => leaver.InTime())).Should().ThrowAsync<OperationCanceledException>();
        await ShouldHaveUsedAsync(requests: 1);
        Queue.Load.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task Without_one_of_its_keys_places_in_the_fleet_a_request_waits_in_the_queue_and_what_is_wider_is_told()
    {
        (Settings.GlobalConcurrency, Settings.QueueLimit) = (4, 4);
        var store = Substitute.For<IQuotaStore>();
        var place = new TaskCompletionSource();
        var charge = new QuotaCharge(Key.Id, new DateOnly(2026, 3, 14), 0, 0, QuotaBucket.Completions, "r.1", IsWaiting: true);
        store
            .ChargeAsync(default!, default!, default, default, Waiting.Token)
            .ReturnsForAnyArgs(new QuotaDecision(charge, null, [], Running: 3));
        store.WaitForPlaceAsync(charge, Arg.Any<Func<int>>(), Arg.Any<CancellationToken>()).Returns(place.Task);
        var request = new Request(Key);
        var admitting = Over(store).AdmitAsync(request, Waiting.Token);
        (admitting.IsCompleted, Queue.Load.Waiting).Should().Be((false, 1));

        place.SetResult();

        (await admitting.InTime()).Error.Should().BeNull();
        request
            .Context.Quotas!.Single()
            .Should()
            .Be(new QuotaStatus("concurrency", 3, 0, null, null), "three of the fleet run, and three may");
        Clock.Advance(TimeSpan.FromSeconds(1));
        store.WaitForPlaceAsync(charge, Arg.Any<Func<int>>(), Arg.Any<CancellationToken>()).Returns(new TaskCompletionSource().Task);
        var patient = Over(store).AdmitAsync(new Request(Key), Waiting.Token);
        Clock.Advance(Settings.QueueTimeout);
        (await patient.InTime()).Error!.Code.Should().Be(ErrorCode.Overloaded);
        await store.Received(1).GiveBackAsync(charge, Any.Model(), Arg.Any<CancellationToken>());
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData(4, 2)]
    [InlineData(12, 7)]
    [InlineData(600, 20)]
    public async Task A_client_that_says_how_long_it_waits_is_told_in_time(int? announcedSeconds, int waitSeconds)
    {
        // Nothing has run yet: an answer is reckoned to take five seconds, or half of what the client waits.
        await NowAsync(new Request(Key));
        var waiting = AdmitAsync(new Request(Key, patience: announcedSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null));

        Clock.Advance(TimeSpan.FromSeconds(waitSeconds) - TimeSpan.FromMilliseconds(1));
        waiting.IsCompleted.Should().BeFalse();
        Clock.Advance(TimeSpan.FromMilliseconds(1));

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.Overloaded);
    }
}
