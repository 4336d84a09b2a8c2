using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>The order in which keys get places.</summary>
public sealed class FairQueueTests : FairQueueTestBase
{
    [Fact]
    public async Task A_key_with_a_hundred_waiting_does_not_delay_anothers_first()
    {
        var queue = Queue(places: 2, limit: 1000);
        var running = new Queue<QueuePlace>([await NowAsync(queue, "greedy"), await NowAsync(queue, "greedy")]);
        var waiting = Enumerable.Range(0, 100).Select(_ => EnterAsync(queue, "greedy")).ToList();
        var modest = EnterAsync(queue, "modest");
        var second = EnterAsync(queue, "modest");
        var third = EnterAsync(queue, "third");

        running.Dequeue().Dispose();
        (await modest.InTime()).Refusal.Should().BeNull("the first place that is free is its own");
        running.Dequeue().Dispose();
        (await third.InTime()).Refusal.Should().BeNull();
        second.IsCompleted.Should().BeFalse("it has one running, and greedy none");
        waiting.Should().OnlyContain(task => !task.IsCompleted);

        (await modest).Dispose();
        (await waiting[0].InTime()).Refusal.Should().BeNull("greedy has waited longest since it was served");
        queue.Load.Waiting.Should().Be(100);
    }

    [Fact]
    public async Task A_request_that_waits_for_another_task_is_passed_by_others_and_gets_a_place_after_it()
    {
        var queue = Queue(places: 1, limit: 10);
        var other = new TaskCompletionSource();
        var unready = queue.EnterAsync("a", () => 4, Patience, other.Task, Waiting.Token);
        (unready.IsCompleted, queue.Load).Should().Be((false, new QueueLoad(1, 0, 1)));

        var second = await NowAsync(queue, "a");
        var third = EnterAsync(queue, "a");
        other.SetResult();
        unready.IsCompleted.Should().BeFalse("the place is taken");
        second.Dispose();

        (await unready.InTime()).Refusal.Should().BeNull("of those who may, it came first");
        third.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task A_task_that_has_ended_gives_a_free_place_at_once_and_one_that_never_ends_is_waited_for_within_patience()
    {
        var queue = Queue(places: 2, limit: 10);
        var (soon, failed) = (new TaskCompletionSource(), new TaskCompletionSource());
        var (first, second, third) = (
            queue.EnterAsync("a", () => 4, Patience, soon.Task, Waiting.Token),
            queue.EnterAsync("b", () => 4, Patience, failed.Task, Waiting.Token),
            queue.EnterAsync("c", () => 4, Patience, new TaskCompletionSource().Task, Waiting.Token)
        );

        soon.SetResult();
        (await first.InTime()).Refusal.Should().BeNull();
        failed.SetException(new InvalidOperationException("whoever made it looks at it"));
        (await second.InTime()).Refusal.Should().BeNull();
        Clock.Advance(Patience);

        (await third.InTime()).Refusal.Should().Be(QueueRefusal.WaitedTooLong);
    }

    [Fact]
    public async Task New_places_are_taken_at_once_by_those_who_wait()
    {
        var queue = Queue(places: 1, limit: 10);
        await NowAsync(queue, "a");
        var (second, third) = (EnterAsync(queue, "b"), EnterAsync(queue, "c"));

        queue.Resize(places: 2, limit: 10);

        (await second.InTime()).Refusal.Should().BeNull();
        third.IsCompleted.Should().BeFalse();
        queue.Load.Should().Be(new QueueLoad(2, 2, 1));
    }

    [Fact]
    public async Task Of_fewer_places_and_a_shorter_queue_nobody_is_turned_away_who_is_there_already()
    {
        var queue = Queue(places: 2, limit: 2);
        var (first, second) = (await NowAsync(queue, "a"), await NowAsync(queue, "b"));
        var (third, fourth) = (EnterAsync(queue, "c"), EnterAsync(queue, "d"));

        queue.Resize(places: 1, limit: 1);

        (third.IsCompleted, fourth.IsCompleted).Should().Be((false, false));
        (await NowAsync(queue, "e")).Refusal.Should().Be(QueueRefusal.Full);
        first.Dispose();
        third.IsCompleted.Should().BeFalse("there is one place, and it is taken");
        second.Dispose();
        (await third.InTime()).Refusal.Should().BeNull();
    }

    [Fact]
    public async Task A_closed_queue_refuses_who_waits_and_who_comes_and_is_drained_when_the_last_has_left()
    {
        var queue = Queue(places: 2, limit: 10);
        var (first, second) = (await NowAsync(queue, "a"), await NowAsync(queue, "b"));
        var waiting = EnterAsync(queue, "c");

        queue.Close();

        (await waiting.InTime()).Refusal.Should().Be(QueueRefusal.Closed);
        (await NowAsync(queue, "d")).Refusal.Should().Be(QueueRefusal.Closed);
        first.Dispose();
        queue.Drained.IsCompleted.Should().BeFalse("one still runs");
        second.Decline();
        await queue.Drained.InTime();
    }

    [Fact]
    public async Task It_tells_whose_requests_run_and_wait_and_nothing_of_who_has_left()
    {
        var queue = Queue(places: 2, limit: 10);
        var (first, second) = (await NowAsync(queue, "a"), await NowAsync(queue, "b"));
        var waiting = EnterAsync(queue, "a");

        queue.LoadByKey.Should().BeEquivalentTo([new KeyLoad("a", 1, 1), new KeyLoad("b", 1, 0)]);
        second.Dispose();
        queue.LoadByKey.Should().BeEquivalentTo([new KeyLoad("a", 2, 0)]);

        first.Dispose();
        (await waiting.InTime()).Dispose();
        queue.LoadByKey.Should().BeEmpty();
    }

    [Fact]
    public async Task Keys_that_come_back_one_at_a_time_starve_nobody()
    {
        var queue = Queue(places: 1, limit: 1000);
        var place = await NowAsync(queue, "b");
        var patient = Enumerable.Range(0, 20).Select(_ => EnterAsync(queue, "a")).ToList();
        var others = new Dictionary<string, Task<QueuePlace>>(StringComparer.Ordinal)
        {
            ["c"] = EnterAsync(queue, "c"),
            ["d"] = EnterAsync(queue, "d"),
        };
        var holder = "b";
        List<string> served = [];

        // Each of b, c and d comes back at once when it is done; a has had all its requests in line since the beginning.
        for (var turn = 0; turn < 60; turn++)
        {
            place.Dispose();
            if (holder != "a")
            {
                others[holder] = EnterAsync(queue, holder);
            }

            var next = await Task.WhenAny([.. others.Values, .. patient]).InTime();
            place = await next;
            holder = others.FirstOrDefault(other => other.Value == next).Key ?? "a";
            _ = holder == "a" ? patient.Remove(next) : others.Remove(holder);
            served.Add(holder);
        }

        served.Count(key => key == "a").Should().Be(15, "one of four keys gets every fourth turn");
        served.Chunk(4).Should().OnlyContain(turns => turns.Distinct(StringComparer.Ordinal).Count() == 4);
    }

    [Fact]
    public async Task Within_a_key_the_first_come_is_the_first_served()
    {
        var queue = Queue(places: 1, limit: 100);
        var place = await NowAsync(queue, "a");
        var waiting = Enumerable.Range(0, 50).Select(_ => EnterAsync(queue, "a")).ToList();

        foreach (var (index, next) in waiting.Index())
        {
            place.Dispose();
            place = await next.InTime();
            waiting.Skip(index + 1).Where(later => later.IsCompleted).Should().BeEmpty();
        }
    }

    [Fact]
    public async Task Above_its_own_places_a_key_waits_while_others_pass()
    {
        var queue = Queue(places: 4, limit: 10);
        var first = await NowAsync(queue, "a", keyPlaces: 1);
        var second = EnterAsync(queue, "a", keyPlaces: 1);
        (await NowAsync(queue, "b", keyPlaces: 1).InTime()).Refusal.Should().BeNull();
        second.IsCompleted.Should().BeFalse();
        queue.RunningOf("a").Should().Be(1);

        first.Dispose();

        (await second.InTime()).Refusal.Should().BeNull();
    }

    [Fact]
    public async Task A_full_queue_turns_away_at_once()
    {
        var queue = Queue(places: 1, limit: 2);
        _ = await NowAsync(queue, "a");
        var waiting = new[] { EnterAsync(queue, "a"), EnterAsync(queue, "b") };

        (await NowAsync(queue, "a").InTime()).Refusal.Should().Be(QueueRefusal.Full);
        (await NowAsync(queue, "b").InTime()).Refusal.Should().Be(QueueRefusal.Full, "its line would be as long as the longest");
        (await NowAsync(queue, "c").InTime()).Refusal.Should().Be(QueueRefusal.Full, "nobody has more than it would have");
        waiting.Should().OnlyContain(task => !task.IsCompleted);
        queue.Load.Waiting.Should().Be(2);
    }

    [Fact]
    public async Task Without_a_queue_whoever_finds_no_place_is_turned_away()
    {
        var queue = Queue(places: 1, limit: 0);
        var place = await NowAsync(queue, "a");
        (await NowAsync(queue, "b").InTime()).Refusal.Should().Be(QueueRefusal.Full);
        place.Dispose();
        (await NowAsync(queue, "b").InTime()).Refusal.Should().BeNull();
    }

    [Fact]
    public async Task In_a_full_queue_the_newest_of_the_longest_line_makes_room_for_a_shorter_one()
    {
        var queue = Queue(places: 1, limit: 4);
        var place = await NowAsync(queue, "a");
        var (a, b) = (new[] { EnterAsync(queue, "a"), EnterAsync(queue, "a"), EnterAsync(queue, "a") }, EnterAsync(queue, "b"));

        var newcomer = EnterAsync(queue, "c");

        (await a[2].InTime()).Refusal.Should().Be(QueueRefusal.Full);
        new Task[] { a[0], a[1], b, newcomer }
            .Should()
            .OnlyContain(task => !task.IsCompleted);
        queue.Load.Waiting.Should().Be(4);
        place.Dispose();
        (await b.InTime()).Refusal.Should().BeNull("it has nothing running, like c, and came before it");
    }
}
