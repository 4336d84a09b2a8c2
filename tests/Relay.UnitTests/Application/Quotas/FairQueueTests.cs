using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

public sealed class FairQueueTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void The_rules_hold_after_every_arrival_departure_and_surrender() =>
        Always.Holds(Always.Numbers(120), numbers => new Walk(numbers).Run(), times: 60);

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
        _clock.Advance(Patience);

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

    [Fact]
    public async Task Patience_ends_to_the_millisecond()
    {
        var queue = Queue(places: 1, limit: 4);
        var place = await NowAsync(queue, "a");
        var waiting = EnterAsync(queue, "b");

        _clock.Advance(Patience - TimeSpan.FromMilliseconds(1));
        waiting.IsCompleted.Should().BeFalse();
        _clock.Advance(TimeSpan.FromMilliseconds(1));

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
            _clock.Advance(Patience);
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
            _clock.Advance(TimeSpan.FromSeconds(8));
            place.Dispose();
        }

        queue.RecentHold.Should().BeCloseTo(TimeSpan.FromSeconds(8), TimeSpan.FromMilliseconds(10));
        _ = (await NowAsync(queue, "a"), await NowAsync(queue, "a"));
        _ = Enumerable.Range(0, 5).Select(_ => EnterAsync(queue, "a")).ToList();
        queue.EstimateWait("b", 2).Should().BeCloseTo(TimeSpan.FromSeconds(24), TimeSpan.FromMilliseconds(50), "six for two places");
        queue
            .EstimateWait("a", 1)
            .Should()
            .BeCloseTo(TimeSpan.FromSeconds(48), TimeSpan.FromMilliseconds(50), "six of its own for its one place");
        _ = Enumerable.Range(0, 50).Select(_ => EnterAsync(queue, "a")).ToList();
        queue.EstimateWait("a", 2).Should().Be(TimeSpan.FromMinutes(1), "who would wait longer looks again after a minute");
    }

    [Fact]
    public async Task The_wait_is_estimated_from_how_long_the_running_requests_hold_their_places_already()
    {
        var queue = Queue(places: 4, limit: 100);
        var places = Enumerable.Range(0, 4).Select(_ => NowAsync(queue, "a").Result).ToList();
        _clock.Advance(TimeSpan.FromSeconds(20));

        queue.EstimateWait("b", 3).Should().Be(TimeSpan.FromSeconds(20), "no place became free in twenty seconds");
        places[0].Dispose();
        queue.EstimateWait("b", 3).Should().Be(TimeSpan.FromSeconds(1), "a place is free");
        (await NowAsync(queue, "b", keyPlaces: 1)).Refusal.Should().BeNull();
        _clock.Advance(TimeSpan.FromSeconds(3));
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

    private static bool IsEmpty(FairQueue queue) =>
        ((ICollection)typeof(FairQueue).GetField("_lines", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(queue)!).Count == 0;

    private static Task<QueuePlace> EnterAsync(FairQueue queue, string keyId, int keyPlaces = 10) =>
        queue.EnterAsync(keyId, () => keyPlaces, Patience, Waiting.Token);

    /// <summary>Of which the answer is there at once.</summary>
    private static Task<QueuePlace> NowAsync(FairQueue queue, string keyId, int keyPlaces = 10) =>
        EnterAsync(queue, keyId, keyPlaces).InTime();

    private FairQueue Queue(int places, int limit) => new(places, limit, _clock);

    /// <summary>A random walk of arrivals, departures, cancellations and time, with the rules checked after every step.</summary>
    private sealed class Walk
    {
        private readonly FakeTimeProvider _clock = new();
        private readonly FairQueue _queue;
        private readonly List<Request> _requests = [];
        private readonly Dictionary<string, int> _keyPlaces = new(StringComparer.Ordinal);
        private readonly int[] _numbers;
        private readonly int _places;
        private readonly int _limit;

        public Walk(int[] numbers)
        {
            _numbers = numbers;
            _places = 1 + (numbers[0] % 4);
            _limit = numbers[1] % 9;
            for (var key = 0; key < 5; key++)
            {
                _keyPlaces[$"key-{key}"] = 1 + (numbers[2 + key] % 3);
            }

            _queue = new FairQueue(_places, _limit, _clock);
        }

        private IEnumerable<Request> Pending => _requests.Where(request => !request.Task.IsCompleted);

        private IEnumerable<Request> Holding => _requests.Where(request => request.Holds);

        public void Run()
        {
            foreach (var number in _numbers.Skip(7))
            {
                Step(number % 10, number / 10);
                Settle();
                Check();
            }

            // At the end everybody goes, and nothing is left behind.
            foreach (var request in Pending.ToList())
            {
                request.Left.Cancel();
            }

            Settle();
            foreach (var request in Holding.ToList())
            {
                request.Leave();
            }

            Check();
            _requests.Should().OnlyContain(request => request.Task.IsCompleted, "every waiter ends");
            IsEmpty(_queue).Should().BeTrue();
        }

        private void Step(int kind, int number)
        {
            var (pending, holding) = (Pending.ToList(), Holding.ToList());
            switch (kind)
            {
                case < 5:
                    Arrive($"key-{number % 5}", TimeSpan.FromSeconds(1 + (number % 30)));
                    break;
                case < 8 when holding.Count > 0:
                    holding[number % holding.Count].Leave();
                    break;
                case 8 when pending.Count > 0:
                    var leaver = pending[number % pending.Count];
                    leaver.Left.Cancel();
                    Settle();
                    leaver.Task.IsCanceled.Should().BeTrue("it leaves at once");
                    break;
                case 9:
                    _clock.Advance(TimeSpan.FromMilliseconds(number % 9000));
                    Settle();
                    Pending
                        .Where(request => request.Deadline <= _clock.GetUtcNow())
                        .Should()
                        .BeEmpty("nobody waits longer than its patience");
                    break;
            }
        }

        private void Arrive(string keyId, TimeSpan patience)
        {
            var waitingBefore = Pending.ToList();
            var lineOf = waitingBefore.ToLookup(request => request.KeyId, StringComparer.Ordinal);
            var left = new CancellationTokenSource();
            var request = new Request(
                keyId,
                _queue.EnterAsync(keyId, () => _keyPlaces[keyId], patience, left.Token),
                left,
                _clock.GetUtcNow() + patience
            );
            _requests.Add(request);
            Settle();
            var pushedOut = waitingBefore.Where(other => other.Task.IsCompleted).ToList();
            if (pushedOut.Count > 0)
            {
                // Full: the newest of a longest line, which stays at least as long as the newcomer's.
                var victim = pushedOut.Should().ContainSingle().Subject;
                victim.Task.Result.Refusal.Should().Be(QueueRefusal.Full);
                waitingBefore.Should().HaveCount(_limit);
                victim.Should().BeSameAs(lineOf[victim.KeyId].Last());
                lineOf[victim.KeyId].Count().Should().Be(lineOf.Max(line => line.Count())).And.BeGreaterThan(lineOf[keyId].Count() + 1);
            }
            else if (request.Task.IsCompleted && request.Task.Result.Refusal == QueueRefusal.Full)
            {
                waitingBefore.Should().HaveCount(_limit, "only a full queue turns away");
                lineOf.Where(line => line.Count() > lineOf[keyId].Count() + 1).Should().BeEmpty("a longer line would have made room");
            }
        }

        /// <summary>Waits for the queue's decisions, which reach the waiting requests on other threads.</summary>
        private void Settle() =>
            SpinWait
                .SpinUntil(() => Pending.Count() == _queue.Load.Waiting, TimeSpan.FromSeconds(10))
                .Should()
                .BeTrue("who waits no longer in the queue has its answer");

        private void Check()
        {
            var running = Holding.CountBy(request => request.KeyId).ToDictionary(StringComparer.Ordinal);
            var waiting = Pending.CountBy(request => request.KeyId).ToDictionary(StringComparer.Ordinal);
            running.Values.Sum().Should().BeLessThanOrEqualTo(_places);
            waiting.Values.Sum().Should().BeLessThanOrEqualTo(_limit);
            foreach (var (keyId, keyPlaces) in _keyPlaces)
            {
                var runs = running.GetValueOrDefault(keyId);
                _queue.RunningOf(keyId).Should().Be(runs);
                runs.Should().BeLessThanOrEqualTo(keyPlaces);
                if (running.Values.Sum() < _places && runs < keyPlaces)
                {
                    waiting.GetValueOrDefault(keyId).Should().Be(0, "no place is free while one waits that may have it");
                }
            }

            foreach (var line in _requests.GroupBy(request => request.KeyId, StringComparer.Ordinal))
            {
                // Those that got a place, in the order in which they came, and then those that still wait.
                line.Where(request => request.GotPlace || !request.Task.IsCompleted)
                    .Select(request => request.GotPlace)
                    .Should()
                    .BeInDescendingOrder();
            }
        }

        private sealed class Request(string keyId, Task<QueuePlace> task, CancellationTokenSource left, DateTimeOffset deadline)
        {
            private bool _gone;

            public string KeyId { get; } = keyId;

            public Task<QueuePlace> Task { get; } = task;

            public CancellationTokenSource Left { get; } = left;

            public DateTimeOffset Deadline { get; } = deadline;

            public bool GotPlace => Task is { IsCompletedSuccessfully: true, Result.Refusal: null };

            public bool Holds => GotPlace && !_gone;

            public void Leave()
            {
                _gone = true;
                Task.Result.Dispose();
            }
        }
    }
}
