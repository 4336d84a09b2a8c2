using System.Diagnostics;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>A Claude Code process may do anything: its caller gets a clear error in time, and nothing of it stays.</summary>
public sealed class BrokenCliTests(BrokenCliTests.Fixture fixture) : IClassFixture<BrokenCliTests.Fixture>, IAsyncLifetime
{
    private readonly FakeRelay _relay = fixture.Relay;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>After each test: no survivor, and the relay serves again.</summary>
    public async ValueTask DisposeAsync()
    {
        await _relay.NobodySurvivesAsync();
        _relay.Script(new FakeScript { Answer = "All is well." });
        // Before its readiness: an answer ends the minute of doubt about a login.
        await _relay.Program.EventuallyAsync(
            async () => (await _relay.AskAsync()) is { Status: 200, Text: "All is well." },
            "the relay does not serve again"
        );
        await _relay.Program.WaitUntilReadyAsync();
    }

    [Theory(Timeout = 120_000)]
    [InlineData(FakeBehavior.Stall)]
    [InlineData(FakeBehavior.StallBeforeInit, Traits = ["Extent", "all"])]
    [InlineData(FakeBehavior.HalfLineThenStall)]
    [InlineData(FakeBehavior.GrandchildStall, Traits = ["Extent", "all"])]
    [InlineData(FakeBehavior.IgnoreSigterm, Traits = ["Extent", "all"])]
    public async Task Silence_is_a_timeout(FakeBehavior behavior)
    {
        _relay.Script(new FakeScript { Behavior = behavior, IgnoreEof = true });

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(504);
        answer.ErrorCode.Should().Be("timeout");
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("silent");
    }

    [Theory(Timeout = 120_000)]
    [InlineData(FakeBehavior.HalfLine)]
    [InlineData(FakeBehavior.HugeLine)]
    [InlineData(FakeBehavior.EndlessLine)]
    [InlineData(FakeBehavior.Garbage)]
    [InlineData(FakeBehavior.GarbageForever)]
    [InlineData(FakeBehavior.ExitBeforeReading)]
    [InlineData(FakeBehavior.ExitAfterInit)]
    public async Task Output_that_is_not_an_answer_is_an_upstream_error(FakeBehavior behavior)
    {
        _relay.Script(
            new FakeScript
            {
                Behavior = behavior,
                IgnoreEof = true,
                Answer = "CANARY-half-a-result",
            }
        );

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(502);
        answer.ErrorCode.Should().Be("upstream_error");
        answer.Body.Should().NotContain("CANARY");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_process_that_dies_before_its_turn_is_replaced_once_and_its_caller_sees_nothing_of_it()
    {
        async Task<(RelayAnswer Answer, int Started)> AskAsync(int dying, object body)
        {
            var before = _relay.Pids.Count;
            _relay.Script(
                new FakeScript
                {
                    Behavior = FakeBehavior.ExitBeforeReading,
                    ExitUntil = before + dying,
                    Answer = "From the second.",
                }
            );
            return (await _relay.Program.CompleteAsync(_relay.Key, body), _relay.Pids.Count - before);
        }

        var (answer, started) = await AskAsync(1, new { prompt = "hi" });
        var (shaped, startedForSchema) = await AskAsync(1, new { prompt = "hi", json_schema = new { type = "object" } });
        var (failed, startedInVain) = await AskAsync(3, new { prompt = "hi" });

        (answer.Status, started).Should().Be((200, 2), answer.Body);
        answer.Text.Should().Be("From the second.");
        (shaped.Status, startedForSchema).Should().Be((200, 2), shaped.Body);
        (failed.ErrorCode, startedInVain).Should().Be(("upstream_error", 2), "what dies twice is told");
    }

    [Theory(Timeout = 180_000)]
    [InlineData(FakeBehavior.HugeLine)]
    [InlineData(FakeBehavior.EndlessLine, Traits = ["Extent", "all"])]
    public async Task A_line_without_an_end_does_not_fill_the_relays_memory(FakeBehavior behavior)
    {
        _relay.Script(new FakeScript { Behavior = behavior, HugeLineBytes = 50 * 1024 * 1024 });
        var before = TestMachine.MemoryOf(_relay.Program.ProcessId, "VmHWM");

        var answers = await Task.WhenAll(_relay.AskAsync(), _relay.AskAsync());

        answers.Should().OnlyContain(answer => answer.Status == 502);
        var grown = TestMachine.MemoryOf(_relay.Program.ProcessId, "VmHWM") - before;
        grown.Should().BeLessThan(80_000_000, "two lines are cut at 8 MiB each, and a relay that kept 50 MB of each would need far more");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_process_that_ignores_every_polite_end_is_gone_within_a_second()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.IgnoreSigterm, IgnoreEof = true });

        await _relay.AskAsync();

        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_grandchild_that_holds_stdout_delays_no_answer_and_does_not_stay()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.Grandchild, Answer = "Prompt." });
        var before = FakeClaudeInstall.GrandchildPids(_relay.Directory).Count;
        var watch = Stopwatch.StartNew();

        var answer = await _relay.AskAsync();

        answer.Text.Should().Be("Prompt.");
        watch
            .Elapsed.Should()
            .BeLessThan(TimeSpan.FromSeconds(3), "the grandchild sleeps for 300 s, and the relay would call 2 s of silence a timeout");
        FakeClaudeInstall.GrandchildPids(_relay.Directory).Should().HaveCount(before + 1);
        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_grandchild_goes_with_the_caller_who_leaves()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.GrandchildStall, IgnoreEof = true });
        var before = FakeClaudeInstall.GrandchildPids(_relay.Directory).Count;
        using var caller = new CancellationTokenSource();
        var asking = _relay.AskAsync(cancellationToken: caller.Token);
        await TestMachine.EventuallyAsync(
            () => FakeClaudeInstall.GrandchildPids(_relay.Directory).Count > before,
            TimeSpan.FromSeconds(5),
            "there is no grandchild"
        );

        await caller.CancelAsync();

        await asking.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_flood_on_stderr_blocks_nothing_and_shows_no_credential()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.StderrFlood, Answer = "Through the flood." });

        var answer = await _relay.AskAsync();

        answer.Text.Should().Be("Through the flood.");
        (answer.Body + string.Join('\n', _relay.Program.Log)).Should().NotContain("sk-ant-api03").And.NotContain("something secret-ish");
    }

    [Fact(Timeout = 120_000)]
    public async Task More_messages_than_a_turn_can_have_end_one_process_and_not_the_service()
    {
        _relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ManyMessageStarts,
                Answer = "The first message.",
                IgnoreEof = true,
            }
        );

        var answers = new[] { await _relay.AskAsync(), await _relay.AskAsync() };

        answers.Should().OnlyContain(answer => answer.Status == 200 && answer.Text == "The first message.");
        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
        (await _relay.Program.GetAsync("/health/ready")).Status.Should().Be(200);
    }

    [Theory(Timeout = 120_000)]
    [InlineData(null, "unknown", 502, "upstream_error")]
    [InlineData(500, "server_error", 502, "upstream_error", Traits = ["Extent", "all"])]
    [InlineData(400, "invalid_request", 502, "upstream_error", Traits = ["Extent", "all"])]
    [InlineData(404, "model_not_found", 400, "unknown_model", Traits = ["Extent", "all"])]
    [InlineData(429, "rate_limit", 429, "upstream_rate_limited")]
    [InlineData(529, "server_error", 503, "overloaded", Traits = ["Extent", "all"])]
    [InlineData(403, "authentication_failed", 503, "not_logged_in")]
    public async Task An_error_in_the_shape_of_a_success_is_never_an_answer(int? upstream, string name, int status, string code)
    {
        _relay.Script(
            new FakeScript
            {
                Behavior = FakeBehavior.ErrorResult,
                ErrorStatus = upstream,
                ErrorName = name,
                ErrorText = "CANARY: connect to internal.example:443 failed",
            }
        );

        // A limit is remembered for its model: this test has its own model, out of the others' way.
        var answer = await _relay.Program.CompleteAsync(_relay.Key, new { prompt = "hi", model = upstream == 429 ? "haiku" : "opus" });

        answer.Status.Should().Be(status);
        answer.ErrorCode.Should().Be(code);
        (answer.Body + string.Join('\n', _relay.Program.Log)).Should().NotContain("CANARY").And.NotContain("internal.example");
    }

    [Fact(Timeout = 120_000)]
    public async Task Running_out_of_turns_is_an_error_that_says_what_to_do()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.MaxTurns, Answer = "CANARY" });

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(502);
        answer.ErrorCode.Should().Be("upstream_error");
        answer.Json.GetProperty("error").GetProperty("message").GetString().Should().Contain("tool");
        answer.Body.Should().NotContain("CANARY");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_login_that_is_lost_in_between_is_told_as_such()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.NotLoggedIn });

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("not_logged_in");
        answer.Body.Should().NotContain("/login");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_refused_login_ends_at_once_and_not_after_minutes_of_retries()
    {
        _relay.Script(new FakeScript { Behavior = FakeBehavior.ApiRetryForever, IgnoreEof = true });
        var watch = Stopwatch.StartNew();

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("not_logged_in");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(3));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_refused_system_prompt_is_an_upstream_error()
    {
        _relay.Script(new FakeScript { RefuseInitialize = true, Answer = "CANARY without the system prompt" });

        var answer = await _relay.Program.CompleteAsync(_relay.Key, new { prompt = "hi", system = "Answer in verse." });

        answer.Status.Should().Be(502);
        answer.ErrorCode.Should().Be("upstream_error");
        answer.Body.Should().NotContain("CANARY");
    }

    [Fact(Timeout = 120_000)]
    public async Task An_answer_without_the_system_prompt_having_been_taken_is_none()
    {
        _relay.Script(new FakeScript { IgnoreInitialize = true, Answer = "CANARY without the system prompt" });

        var answer = await _relay.Program.CompleteAsync(_relay.Key, new { prompt = "hi", system = "Answer in verse." });

        answer.Status.Should().BeOneOf(502, 503, 504);
        answer.Body.Should().NotContain("CANARY");
    }

    public sealed class Fixture() : FakeRelayFixture(("IDLE_TIMEOUT", "2s"), ("REQ_TIMEOUT", "20s"));
}

/// <summary>Spares that do not last cost nobody an answer, and no processor.</summary>
public sealed class DyingSparesTests
{
    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task Spares_that_die_while_parked_are_replaced_ever_more_slowly_and_requests_start_their_own()
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript
            {
                Behavior = FakeBehavior.DieWhileParked,
                ParkedLifeMs = 500,
                EchoPrompt = true,
            },
            ("WARM_PROCESSES", "2")
        );

        // Left alone, it starts two, and two again after 2 s; then it pauses for twice as long.
        await relay.Program.EventuallyAsync(
            () =>
                Task.FromResult(
                    relay.Program.Log.Any(line => line.Contains("the next one is started in 00:00:04", StringComparison.Ordinal))
                ),
            "the pauses do not grow"
        );
        relay.Pids.Count.Should().BeLessThanOrEqualTo(1 + 4, "there was one self-test, and two rounds of two spares");

        for (var number = 1; number <= 5; number++)
        {
            (await relay.AskAsync($"number {number}")).Text.Should().Be($"number {number}");
        }

        relay.Pids.Count.Should().BeLessThanOrEqualTo(1 + 4 + 5, "each request started its own");
    }
}
