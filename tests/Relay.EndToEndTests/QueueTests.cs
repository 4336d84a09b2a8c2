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

    [Fact(Timeout = 120_000)]
    public async Task A_request_beyond_the_queue_is_turned_away_at_once()
    {
        var running = await RunAsync();
        var (waiting, third) = await FillAsync("waiting");

        third.Status.Should().Be(429);
        third.ErrorCode.Should().Be("queue_full");
        third.Headers.RetryAfter!.Delta.Should().BePositive().And.BeLessThanOrEqualTo(TimeSpan.FromMinutes(1));
        (running.IsCompleted || waiting.IsCompleted).Should().BeFalse("those before it are still where they were");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_request_that_waits_too_long_is_told_to_come_back()
    {
        await RunAsync();

        var answer = await _relay.AskAsync("waiting", _callers.Token);

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("overloaded");
        answer.Headers.RetryAfter.Should().NotBeNull();
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("3 s");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_caller_who_leaves_the_queue_frees_a_place_in_it()
    {
        await RunAsync();
        using var impatient = new CancellationTokenSource();
        var (leaving, _) = await FillAsync("leaving", impatient.Token);

        await impatient.CancelAsync();
        await leaving.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();

        // The next one waits now instead of being turned away.
        await _relay.Program.EventuallyAsync(async () => await AskBrieflyAsync() is null, "the place in the queue stays taken");
    }

    [Fact(Timeout = 120_000)]
    public async Task The_next_in_the_queue_runs_as_soon_as_a_place_is_free()
    {
        using var first = new CancellationTokenSource();
        var running = await RunAsync(first.Token);
        _relay.Script(new FakeScript { EchoPrompt = true });
        var (waiting, _) = await FillAsync("I waited.");

        await first.CancelAsync();

        (await waiting).Text.Should().Be("I waited.");
        await running.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_request_that_is_turned_away_is_not_charged()
    {
        var key = await _relay.Program.MintAsync("twice", "--daily", "2");
        await RunAsync();
        var (waiting, _) = await FillAsync("waiting");
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
        // Its child is the sign that it has read its script, which tests change for those who come after it.
        _relay.Script(new FakeScript { Behavior = FakeBehavior.GrandchildStall, IgnoreEof = true });
        var before = FakeClaudeInstall.GrandchildPids(_relay.Directory).Count;
        var running = _relay.AskAsync("running", caller ?? _callers.Token);
        await TestMachine.EventuallyAsync(
            () => FakeClaudeInstall.GrandchildPids(_relay.Directory).Count > before,
            TimeSpan.FromSeconds(5),
            "nothing runs"
        );
        return running;
    }

    /// <summary>Has a request wait, and another be turned away, which shows that the first does wait.</summary>
    private async Task<(Task<RelayAnswer> Waiting, RelayAnswer TurnedAway)> FillAsync(string prompt, CancellationToken? caller = null)
    {
        Task<RelayAnswer>? waiting = null;
        RelayAnswer? turnedAway = null;
        await _relay.Program.EventuallyAsync(
            async () =>
            {
                // A brief one that came first has taken the place, and this one was turned away instead: again.
                waiting = waiting is null or { IsCompleted: true } ? _relay.AskAsync(prompt, caller ?? _callers.Token) : waiting;
                turnedAway = await AskBrieflyAsync();
                return turnedAway is not null && !waiting.IsCompleted;
            },
            "the queue is never full"
        );
        turnedAway!.ErrorCode.Should().Be("queue_full");
        return (waiting!, turnedAway);
    }

    /// <summary>The answer of one that leaves soon; null when it had to wait.</summary>
    private async Task<RelayAnswer?> AskBrieflyAsync()
    {
        using var brief = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        try
        {
            return await _relay.AskAsync("brief", brief.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    public sealed class Fixture() : FakeRelayFixture(("GLOBAL_CONCURRENCY", "1"), ("QUEUE_LIMIT", "1"), ("QUEUE_TIMEOUT", "3s"));
}
