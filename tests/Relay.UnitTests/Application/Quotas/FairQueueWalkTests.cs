using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>A random walk of arrivals, departures, cancellations and time, with the rules checked after every step.</summary>
public sealed class FairQueueWalkTests : FairQueueTestBase
{
    [Fact]
    public void The_rules_hold_after_every_arrival_departure_and_surrender() =>
        Always.Holds(Always.Numbers(120), numbers => new Walk(numbers).Run(), times: 60);

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
