using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>A Claude Code that can do more than answer turns the relay off, not open.</summary>
public sealed class LockdownViolationTests(LockdownViolationTests.Fixture fixture) : IClassFixture<LockdownViolationTests.Fixture>
{
    private const string Canary = "CANARY the words of a model that could act";

    private readonly FakeRelay _relay = fixture.Relay;

    /// <summary>Values that may not stand in an init frame, and the finding of each in the audit log.</summary>
    public static TheoryData<string, string> Deviations => [.. Extent.Sample(AllDeviations, oneOf: 6)];

    private static TheoryData<string, string> AllDeviations =>
        new()
        {
            { "tool", "init lists 1 of 'tools'" },
            { "mcp server", "init lists 1 of 'mcp_servers'" },
            { "slash command", "init lists 1 of 'slash_commands'" },
            { "skill", "init lists 1 of 'skills'" },
            { "plugin", "init lists a plugin that is not built in" },
            { "permission mode", "init shows another permission mode" },
        };

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Deviations))]
    public async Task A_cli_that_can_do_more_from_the_start_serves_nobody(string what, string detail)
    {
        await using var relay = await FakeRelay.StartUnreadyAsync(Deviating(what, fromTurn: 0));
        await relay.Program.EventuallyAsync(
            async () => (await relay.ProblemCodesAsync()).Contains("lockdown_violation", StringComparer.Ordinal),
            "readiness does not tell of the violation"
        );
        var started = relay.Pids.Count;

        var answer = await relay.AskAsync();

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("lockdown_violation");
        answer.Headers.RetryAfter.Should().NotBeNull();
        answer.Body.Should().NotContain(Canary).And.NotContain(detail, "a caller is not told how the lockdown was found broken");
        relay.Pids.Should().HaveCount(started, "nothing is started for a request while the engine is out of service");
        var ready = await relay.Program.GetAsync("/health/ready");
        ready.Status.Should().Be(503);
        ready.Json.GetProperty("lockdown_verified").GetBoolean().Should().BeFalse();
        var audited = await relay.AuditedAsync(line => line.GetProperty("action").GetString() == "lockdown_violation");
        audited.GetProperty("detail").GetString().Should().Be($"self-test: {detail}");
    }

    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Deviations))]
    public async Task A_cli_that_can_do_more_in_the_turn_itself_lets_no_word_out(string what, string detail)
    {
        var (passed, started) = (SelfTestsPassed(_relay), _relay.Pids.Count);
        _relay.Script(Deviating(what, fromTurn: 1));

        var answer = await _relay.AskAsync();

        answer.Status.Should().Be(503);
        answer.ErrorCode.Should().Be("lockdown_violation");
        answer.Body.Should().NotContain("CANARY");
        _relay.Pids.Count.Should().BeGreaterThan(started);
        await _relay.NobodySurvivesAsync(TimeSpan.FromSeconds(1));
        var audited = await _relay.AuditedAsync(line =>
            line.GetProperty("action").GetString() == "lockdown_violation" && line.GetProperty("detail").GetString() == detail
        );
        audited.GetProperty("key_id").GetString().Should().StartWith("key_");
        // Out of service until a self-test has passed, which it does, for this CLI deviates in real turns only.
        await TestMachine.EventuallyAsync(
            () => SelfTestsPassed(_relay) > passed,
            TimeSpan.FromSeconds(10),
            "the engine did not leave service and come back"
        );
        _relay.Script(new FakeScript { Answer = "Fine." });
        await _relay.Program.WaitUntilReadyAsync();
        (await _relay.AskAsync()).Text.Should().Be("Fine.");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_cli_that_shows_another_version_than_the_one_tested_lets_no_word_out()
    {
        _relay.Script(new FakeScript { Version = "2.1.329", Answer = Canary });

        var answer = await _relay.AskAsync();

        answer.ErrorCode.Should().Be("lockdown_violation");
        await _relay.AuditedAsync(line =>
            line.ToString().Contains("init shows another version than the one tested", StringComparison.Ordinal)
        );
        await _relay.Program.EventuallyAsync(
            async () => (await _relay.Program.GetAsync("/health/ready")).Json.GetProperty("claude_version").GetString() == "2.1.329",
            "the other version was not tested anew"
        );
        (await _relay.AskAsync()).Text.Should().Be(Canary, "by now it is the version that was tested");
    }

    [Fact(Timeout = 180_000)]
    public async Task After_a_violation_nothing_runs_until_the_cli_is_mended()
    {
        await using var relay = await FakeRelay.StartAsync();
        relay.Script(Deviating("tool", fromTurn: 0));

        (await relay.AskAsync()).ErrorCode.Should().Be("lockdown_violation");

        await relay.Program.EventuallyAsync(
            () => Task.FromResult(relay.Program.Log.Any(line => line.Contains("Lockdown self-test failed", StringComparison.Ordinal))),
            "there was no self-test"
        );
        (await relay.ProblemCodesAsync()).Should().Contain("lockdown_violation");
        var started = relay.Pids.Count;
        (await relay.AskAsync()).ErrorCode.Should().Be("lockdown_violation");
        relay.Pids.Should().HaveCount(started, "nothing is started for a request while the engine is out of service");
        await AKeyThatAsksInALoopIsHeldAsync(relay);

        relay.Script(new FakeScript { Answer = "Mended." });

        await relay.Program.WaitUntilReadyAsync();
        (await relay.AskAsync()).Text.Should().Be("Mended.");
    }

    /// <summary>Its requests cost nothing: only its failures hold it, and they leave little behind.</summary>
    private static async Task AKeyThatAsksInALoopIsHeldAsync(FakeRelay relay)
    {
        var key = await relay.Program.MintAsync("loop", "--rpm", "1");
        for (var time = 0; time < 300; time++)
        {
            (await relay.Program.CompleteAsync(key, new { prompt = "hi" })).Status.Should().Be(503);
        }

        var held = await relay.Program.CompleteAsync(key, new { prompt = "hi" });
        (held.Status, held.ErrorCode).Should().Be((429, "rate_limited"));
        (await relay.AskAsync()).ErrorCode.Should().Be("lockdown_violation", "another key is not held");
        (await relay.Program.GetAsync("/v1/usage", key)).Json.GetProperty("days").GetArrayLength().Should().Be(0);
        relay
            .Program.Audit.Count(line => line.TryGetProperty("key_label", out var label) && label.GetString() == "loop")
            .Should()
            .BeInRange(2, 24);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task An_update_that_can_do_more_is_passed_over_while_the_executable_before_it_is_there()
    {
        using var directory = new TemporaryDirectory();
        var accepted = FakeClaudeInstall.Install(
            Directory.CreateDirectory(Path.Combine(directory.Path, "accepted")).FullName,
            new FakeScript { Answer = "Fine." }
        );
        var update = FakeClaudeInstall.Install(
            Directory.CreateDirectory(Path.Combine(directory.Path, "update")).FullName,
            Deviating("tool", fromTurn: 0)
        );
        var link = Path.Combine(directory.Path, "claude");
        File.CreateSymbolicLink(link, accepted);
        await using var relay = await RelayProgram.WithFakeClaudeAsync(link);
        var key = await relay.MintAsync("app");

        File.CreateSymbolicLink(link + ".new", update);
        File.Move(link + ".new", link, overwrite: true);

        await TestMachine.EventuallyAsync(
            () => relay.Log.Any(line => line.Contains("failed the lockdown self-test", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(20),
            "the update was not tested"
        );
        await relay.WaitUntilReadyAsync();
        (await relay.CompleteAsync(key, new { prompt = "hi" })).Text.Should().Be("Fine.");
        await Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);
        relay
            .Log.Should()
            .ContainSingle(line => line.Contains("failed the lockdown self-test", StringComparison.Ordinal), "it is tested once");

        File.Delete(accepted);

        await relay.EventuallyAsync(async () => (await relay.GetAsync("/health/ready")).Status == 503, "nothing is left to serve with");
    }

    [Fact(Timeout = 180_000)]
    public async Task A_spare_that_can_do_more_is_never_handed_out()
    {
        await using var relay = await FakeRelay.StartAsync(new FakeScript { Answer = "Fine." }, ("WARM_PROFILES", "1"));
        var request = new { prompt = "hi", system = "Repeated." };
        (await relay.Program.CompleteAsync(relay.Key, request)).Text.Should().Be("Fine.");
        (await relay.Program.CompleteAsync(relay.Key, request)).Text.Should().Be("Fine.");
        await TestMachine.EventuallyAsync(
            () => relay.Program.Log.Any(line => line.Contains("Parked Prepared process", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(5),
            "no spare was prepared"
        );

        // The spare that replaces this one deviates as soon as it is asked, while it is prepared.
        relay.Script(Deviating("tool", fromTurn: 0));
        (await relay.Program.CompleteAsync(relay.Key, request)).Text.Should().Be("Fine.", "a spare prepared before is what answers");

        var audited = await relay.AuditedAsync(line => line.GetProperty("action").GetString() == "lockdown_violation");
        audited.GetProperty("detail").GetString().Should().Be("init lists 1 of 'tools'");
        audited.GetProperty("key_id").GetString().Should().StartWith("key_");
        relay.Program.Log.Should().ContainSingle(line => line.Contains("process=Prepared", StringComparison.Ordinal));
        (await relay.Program.CompleteAsync(relay.Key, request)).ErrorCode.Should().Be("lockdown_violation");
        await relay.NobodySurvivesAsync();

        relay.Script(new FakeScript { Answer = "Mended." });
        await relay.Program.WaitUntilReadyAsync();
        (await relay.Program.CompleteAsync(relay.Key, request)).Text.Should().Be("Mended.");
    }

    private static FakeScript Deviating(string what, int fromTurn)
    {
        var script = new FakeScript
        {
            Answer = Canary,
            InitOnlyFromTurn = fromTurn,
            IgnoreEof = true,
        };
        return what switch
        {
            "tool" => script with { InitTools = ["Bash"] },
            "mcp server" => script with { InitMcpServers = ["files"] },
            "slash command" => script with { InitSlashCommands = ["cost"] },
            "skill" => script with { InitSkills = ["pdf"] },
            "plugin" => script with { InitPlugins = [new FakePlugin("mine", "/opt/mine")] },
            "permission mode" => script with { InitPermissionMode = "bypassPermissions" },
            _ => throw new ArgumentOutOfRangeException(nameof(what)),
        };
    }

    private static int SelfTestsPassed(FakeRelay relay) =>
        relay.Program.Log.Count(line => line.Contains("passed the lockdown self-test", StringComparison.Ordinal));

    public sealed class Fixture() : FakeRelayFixture;
}
