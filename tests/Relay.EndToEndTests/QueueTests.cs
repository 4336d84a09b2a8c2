using FluentAssertions;
using Relay.EndToEndTests.Harness;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Beyond what may run at once requests wait, but never many and never long.</summary>
public sealed class QueueTests(QueueTests.Fixture fixture) : IClassFixture<QueueTests.Fixture>, IAsyncLifetime
{
    private readonly FakeRelay _relay = fixture.Relay;
    private readonly CancellationTokenSource _callers = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>After each test all places are free again.</summary>
    public async ValueTask DisposeAsync()
    {
        await _callers.CancelAsync();
        _callers.Dispose();
        _relay.Script(new FakeScript());
        await _relay.Program.EventuallyAsync(async () => (await _relay.AskAsync()).Status == 200, "the place never becomes free");
        await _relay.NobodySurvivesAsync();
    }

    [Fact(Timeout = 30_000)]
    public async Task A_request_beyond_the_queue_is_turned_away_at_once()
    {
        var running = await RunAsync();
        var waiting = _relay.AskAsync("waiting", _callers.Token);
        var third = await ThirdAsync();

        third.Status.Should().Be(429);
        third.ErrorCode.Should().Be("queue_full");
        third.Headers.RetryAfter!.Delta.Should().BePositive().And.BeLessThanOrEqualTo(TimeSpan.FromMinutes(1));
        (running.IsCompleted || waiting.IsCompleted).Should().BeFalse("those before it are still where they were");
    }

    [Fact(Timeout = 30_000)]
    public async Task A_request_that_waits_too_long_is_told_to_come_back()
    {
        await RunAsync();

        var answer = await _relay.AskAsync("waiting", _callers.Token);

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("overloaded");
        answer.Headers.RetryAfter.Should().NotBeNull();
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("2 s");
    }

    [Fact(Timeout = 30_000)]
    public async Task A_caller_who_leaves_the_queue_frees_a_place_in_it()
    {
        await RunAsync();
        using var impatient = new CancellationTokenSource();
        var leaving = _relay.AskAsync("leaving", impatient.Token);
        (await ThirdAsync()).ErrorCode.Should().Be("queue_full");

        await impatient.CancelAsync();
        await leaving.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();

        // The next one waits now, until the wait is over, instead of being turned away.
        await _relay.Program.EventuallyAsync(async () => (await _relay.AskAsync("next", _callers.Token)).ErrorCode == "overloaded", "the place in the queue stays taken");
    }

    [Fact(Timeout = 30_000)]
    public async Task The_next_in_the_queue_runs_as_soon_as_a_place_is_free()
    {
        using var first = new CancellationTokenSource();
        var running = await RunAsync(first.Token);
        _relay.Script(new FakeScript { EchoPrompt = true });
        var waiting = _relay.AskAsync("I waited.", _callers.Token);
        (await ThirdAsync()).ErrorCode.Should().Be("queue_full");

        await first.CancelAsync();

        (await waiting).Text.Should().Be("I waited.");
        await running.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact(Timeout = 30_000)]
    public async Task What_is_turned_away_is_not_charged()
    {
        var key = await _relay.Program.MintAsync("twice", dailyLimit: 2);
        await RunAsync();
        var waiting = _relay.AskAsync("waiting", _callers.Token);
        await ThirdAsync();
        for (var refused = 0; refused < 3; refused++)
        {
            (await _relay.Program.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("queue_full");
        }

        (await waiting).ErrorCode.Should().Be("overloaded");
        (await _relay.Program.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("overloaded", "that is no charge either");
        await _callers.CancelAsync();
        _relay.Script(new FakeScript());

        await _relay.Program.EventuallyAsync(async () => (await _relay.AskAsync()).Status == 200, "the place never becomes free");
        (await _relay.Program.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
        (await _relay.Program.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(200);
        (await _relay.Program.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("daily_limit");
    }

    /// <summary>Takes the one place there is.</summary>
    private async Task<Task<RelayAnswer>> RunAsync(CancellationToken? caller = null)
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.Stall, IgnoreEof = true });
        var before = _relay.Pids.Count;
        var running = _relay.AskAsync("running", caller ?? _callers.Token);
        await TestMachine.EventuallyAsync(() => _relay.Pids.Count > before, TimeSpan.FromSeconds(5), "nothing runs");
        return running;
    }

    /// <summary>Asks until the one before it stands in the queue, and it is turned away.</summary>
    private async Task<RelayAnswer> ThirdAsync()
    {
        RelayAnswer? answer = null;
        await _relay.Program.EventuallyAsync(
            async () =>
            {
                using var brief = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
                try
                {
                    answer = await _relay.AskAsync("third", brief.Token);
                    return true;
                }
                catch (OperationCanceledException)
                {
                    return false; // It got into the queue before the other: it has left it again.
                }
            },
            "the queue is never full");
        return answer!;
    }

    public sealed class Fixture() : FakeRelayFixture(("GLOBAL_CONCURRENCY", "1"), ("QUEUE_LIMIT", "1"), ("QUEUE_TIMEOUT", "2s"));
}
