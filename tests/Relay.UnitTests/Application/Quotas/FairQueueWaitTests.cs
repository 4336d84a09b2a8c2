using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>The end of patience, of a wait and of a place, and the estimate of a wait.</summary>
public sealed class FairQueueWaitTests : FairQueueTestBase
{
    [Fact]
    public async Task Patience_ends_to_the_millisecond()
    {
        var queue = Queue(places: 1, limit: 4);
        var place = await NowAsync(queue, "a");
        var waiting = EnterAsync(queue, "b");

        Clock.Advance(Patience - TimeSpan.FromMilliseconds(1));
        waiting.IsCompleted.Should().BeFalse();
        Clock.Advance(TimeSpan.FromMilliseconds(1));

        (await waiting.InTime()).Refusal.Should().Be(QueueRefusal.WaitedTooLong);
        queue.Load.Waiting.Should().Be(0);
        place.Dispose();
        queue.RunningOf("b").Should().Be(0, "a place goes to nobody who has given up");
    }

    [Fact]
    public async Task A_request_without_patience_is_refused_at_once()
    {
        var queue = Queue(places: 1, limit: 4);
        _ = await NowAsync(queue, "a");
        (await queue.EnterAsync("b", () => 4, TimeSpan.Zero, Waiting.Token).InTime()).Refusal.Should().Be(QueueRefusal.WaitedTooLong);
        queue.Load.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task A_caller_that_leaves_is_out_of_the_queue_at_once()
    {
        var queue = Queue(places: 1, limit: 1);
        var place = await NowAsync(queue, "a");
        using var left = new CancellationTokenSource();
        var leaver = queue.EnterAsync("b", () => 4, Patience, left.Token);

        await left.CancelAsync();

        queue.Load.Waiting.Should().Be(0);
        await ((Func<Task>)(() => leaver.InTime())).Should().ThrowAsync<OperationCanceledException>();
        var next = EnterAsync(queue, "c");
        place.Dispose();
        (await next.InTime()).Refusal.Should().BeNull();
        queue.RunningOf("b").Should().Be(0);
    }

    [Fact]
    public async Task A_caller_that_has_left_before_it_came_takes_no_place()
    {
        var queue = Queue(places: 1, limit: 1);
        var entering = () => queue.EnterAsync("a", () => 4, Patience, new CancellationToken(canceled: true));
        await entering.Should().ThrowAsync<OperationCanceledException>();
        queue.RunningOf("a").Should().Be(0);
        IsEmpty(queue).Should().BeTrue();
    }

    [Fact]
    public async Task A_place_is_given_back_once_however_often_it_is_disposed_of()
    {
        var queue = Queue(places: 1, limit: 0);
        var place = await NowAsync(queue, "a");
        place.Dispose();
        place.Dispose();
        (await NowAsync(queue, "a")).Refusal.Should().BeNull();
        (await NowAsync(queue, "a")).Refusal.Should().Be(QueueRefusal.Full);
    }

    [Fact]
    public async Task Nothing_is_kept_when_nobody_runs_and_nobody_waits()
    {
        var queue = Queue(places: 1, limit: 3);
        for (var round = 0; round < 3; round++)
        {
            var place = await NowAsync(queue, $"first-{round}");
            using var left = new CancellationTokenSource();
            var leaver = queue.EnterAsync($"leaver-{round}", () => 4, Patience, left.Token);
            var served = EnterAsync(queue, $"served-{round}");
            var late = EnterAsync(queue, $"late-{round}");
            (await NowAsync(queue, $"full-{round}")).Refusal.Should().Be(QueueRefusal.Full);
            await left.CancelAsync();
            place.Dispose();
            place = await served.InTime();
            Clock.Advance(Patience);
            (await late.InTime()).Refusal.Should().Be(QueueRefusal.WaitedTooLong);
            place.Dispose();
        }

        IsEmpty(queue).Should().BeTrue();
    }

    [Fact]
    public async Task The_wait_is_estimated_from_how_long_places_were_taken_lately()
    {
        var queue = Queue(places: 2, limit: 100);
        queue.EstimateWait("a", 2).Should().Be(TimeSpan.FromSeconds(1), "the places are free");
        for (var round = 0; round < 40; round++)
        {
            var place = await NowAsync(queue, "a");
            Clock.Advance(TimeSpan.FromSeconds(8));
            place.Dispose();
        }

        queue.RecentHold.Should().BeCloseTo(TimeSpan.FromSeconds(8), TimeSpan.FromMilliseconds(10));
        _ = (await NowAsync(queue, "a"), await NowAsync(queue, "a"));
        _ = Enumerable.Range(0, 5).Select(_ => EnterAsync(queue, "a")).ToList();
        queue.EstimateWait("b", 2).Should().BeCloseTo(TimeSpan.FromSeconds(24), TimeSpan.FromMilliseconds(50), "six for two places");
        queue
            .EstimateWait("a", 1)
            .Should()
            .BeCloseTo(TimeSpan.FromSeconds(48), TimeSpan.FromMilliseconds(50), "six of that key for its one place");
        _ = Enumerable.Range(0, 50).Select(_ => EnterAsync(queue, "a")).ToList();
        queue.EstimateWait("a", 2).Should().Be(TimeSpan.FromMinutes(1), "who would wait longer looks again after a minute");
    }

    [Fact]
    public async Task The_wait_is_estimated_from_how_long_the_running_requests_hold_their_places_already()
    {
        var queue = Queue(places: 4, limit: 100);
        var places = Enumerable.Range(0, 4).Select(_ => NowAsync(queue, "a").Result).ToList();
        Clock.Advance(TimeSpan.FromSeconds(20));

        queue.EstimateWait("b", 3).Should().Be(TimeSpan.FromSeconds(20), "no place became free in twenty seconds");
        places[0].Dispose();
        queue.EstimateWait("b", 3).Should().Be(TimeSpan.FromSeconds(1), "a place is free");
        (await NowAsync(queue, "b", keyPlaces: 1)).Refusal.Should().BeNull();
        Clock.Advance(TimeSpan.FromSeconds(3));
        queue
            .EstimateWait("b", 1)
            .Should()
            .BeCloseTo(
                TimeSpan.FromSeconds(5),
                TimeSpan.FromMilliseconds(50),
                "places were taken for eight seconds lately, and one is taken for three"
            );
        places[1].Dispose();
        queue.EstimateWait("b", 1).Should().BeLessThan(TimeSpan.FromSeconds(12), "only the key's own place is missing");
    }

    [Fact]
    public async Task A_retry_is_never_told_to_come_in_less_than_a_second()
    {
        var queue = Queue(places: 4, limit: 4);
        for (var round = 0; round < 60; round++)
        {
            (await NowAsync(queue, "a")).Dispose();
        }

        queue.EstimateWait("a", 4).Should().Be(TimeSpan.FromSeconds(1));
    }
}
