using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>The choice of a Claude Code, and the message for an operator when no Claude Code can be used.</summary>
public sealed class ClaudeDiscoveryTests
{
    private static readonly (string, string)[] Login =
    [
        ("CLAUDE_AUTH", "bedrock"),
        ("AWS_REGION", "of-a-test"),
        ("SANDBOX", "off"),
        ("WARM_PROCESSES", "0"),
        ("WARM_PROFILES", "0"),
    ];

    [Fact(Timeout = 120_000)]
    public async Task A_claude_bin_that_is_not_there_is_told_and_the_relay_starts_anyway()
    {
        await using var relay = await RelayProgram.StartAsync([.. Login, ("CLAUDE_BIN", "/srv/nowhere/claude")], waitUntilReady: false);

        var message = await ProblemAsync(relay, "claude_missing");

        message.Should().Contain("CLAUDE_BIN").And.Contain("config.env");
    }

    [Fact(Timeout = 120_000)]
    public async Task Without_any_claude_the_operator_is_told_how_to_get_one()
    {
        await using var relay = await RelayProgram.StartAsync(Login, waitUntilReady: false);

        var message = await ProblemAsync(relay, "claude_missing");

        message.Should().Contain("npm install -g @anthropic-ai/claude-code").And.Contain("PATH").And.Contain("~/.local/bin");
        var key = await relay.MintAsync("app");
        (await relay.CompleteAsync(key, new { prompt = "hi" })).ErrorCode.Should().Be("claude_missing");
        (await relay.GetAsync("/health")).Status.Should().Be(200);
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_claude_on_the_path_is_found()
    {
        using var fake = new Fake(new FakeScript { Answer = "From the PATH." });
        await using var relay = await RelayProgram.StartAsync([.. Login, ("PATH", $"/nonexistent:{fake.Directory}:/usr/bin:/bin")]);

        (await relay.CompleteAsync(await relay.MintAsync("app"), new { prompt = "hi" })).Text.Should().Be("From the PATH.");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_claude_in_the_users_local_bin_is_found_also_when_it_comes_later()
    {
        using var home = new Fake(script: null);
        await using var relay = await RelayProgram.StartAsync([.. Login, ("HOME", home.Directory)], waitUntilReady: false);
        await ProblemAsync(relay, "claude_missing");

        FakeClaudeInstall.Install(Path.Combine(home.Directory, ".local", "bin"), new FakeScript { Answer = "From home." });

        await relay.WaitUntilReadyAsync();
        (await relay.CompleteAsync(await relay.MintAsync("app"), new { prompt = "hi" })).Text.Should().Be("From home.");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_version_that_is_too_old_is_refused_with_what_to_do()
    {
        using var fake = new Fake(new FakeScript { Version = "2.1.200" });
        await using var relay = await RelayProgram.StartAsync([.. Login, ("CLAUDE_BIN", fake.Claude)], waitUntilReady: false);

        var message = await ProblemAsync(relay, "claude_missing");

        message.Should().Contain("2.1.200").And.Contain("2.1.290").And.Contain("claude update");
        FakeClaudeInstall.Pids(fake.Directory).Should().BeEmpty("only its version was asked for");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_version_newer_than_the_newest_tested_works_and_is_warned_about()
    {
        using var fake = new Fake(new FakeScript { Version = "2.2.0" });
        await using var relay = await RelayProgram.StartAsync([.. Login, ("CLAUDE_BIN", fake.Claude)]);

        (await relay.CompleteAsync(await relay.MintAsync("app"), new { prompt = "hi" })).Status.Should().Be(200);
        relay
            .Log.Should()
            .ContainSingle(line =>
                line.Contains("WRN", StringComparison.Ordinal) && line.Contains("2.2.0 is newer than", StringComparison.Ordinal)
            );
    }

    [Theory(Timeout = 120_000)]
    [InlineData("#!/bin/sh\necho I am no claude\n", "CLAUDE_BIN")]
    [InlineData("#!/bin/sh\nexec /srv/somewhere/private/node\n", "does not start as it should", Traits = ["Extent", "all"])]
    [InlineData("\u0001\u0002 not a program", "does not start as it should", Traits = ["Extent", "all"])]
    public async Task A_claude_that_is_none_is_told_without_a_path_of_this_machine(string program, string told)
    {
        using var fake = new Fake(new FakeScript());
        await File.WriteAllTextAsync(fake.Claude, program, TestContext.Current.CancellationToken);
        await using var relay = await RelayProgram.StartAsync([.. Login, ("CLAUDE_BIN", fake.Claude)], waitUntilReady: false);

        var message = await ProblemAsync(relay, "claude_missing");

        message.Should().Contain(told);
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task An_update_while_the_relay_runs_is_tested_anew_and_no_old_spare_is_used()
    {
        await using var relay = await FakeRelay.StartAsync(new FakeScript { Answer = "old" }, ("WARM_PROCESSES", "1"));
        await TestMachine.EventuallyAsync(() => relay.Survivors.Count == 1, TimeSpan.FromSeconds(10), "there is no spare");
        var old = relay.Survivors[0];

        // As an update does it: other content, another time.
        FakeClaudeInstall.Install(relay.Directory, new FakeScript { Version = "2.1.320", Answer = "new" });
        File.SetLastWriteTimeUtc(Path.Combine(relay.Directory, "claude"), new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        await relay.Program.EventuallyAsync(
            async () =>
                (await relay.Program.GetAsync("/health/ready")) is { Status: 200 } ready
                && ready.Json.GetProperty("claude_version").GetString() == "2.1.320",
            "the update was not noticed"
        );
        (await relay.AskAsync()).Text.Should().Be("new");
        await TestMachine.EventuallyAsync(() => !relay.Survivors.Contains(old), TimeSpan.FromSeconds(3), "the old spare still runs");
        relay.Program.Log.Should().Contain(line => line.Contains("The claude executable changed", StringComparison.Ordinal));
    }

    [Fact(Timeout = 120_000)]
    public async Task A_jail_that_was_asked_for_and_does_not_work_is_an_error_at_start()
    {
        using var fake = new Fake(new FakeScript());
        await using var relay = RelayProgram.Launch(
            [.. Login, ("CLAUDE_BIN", fake.Claude), ("SANDBOX", "bwrap")],
            wrapper: WithBrokenBubblewrap(fake.Directory)
        );

        (await relay.WaitForExitAsync()).Should().Be(1);

        relay.Log.Should().Contain(line => line.Contains("SANDBOX=bwrap, but there is no working jail", StringComparison.Ordinal));
        relay
            .Log.Should()
            .NotContain(line => line.Contains("listens on", StringComparison.Ordinal) || line.Contains("   at ", StringComparison.Ordinal));
        FakeClaudeInstall.Pids(fake.Directory).Should().BeEmpty();
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Auto_starts_without_a_jail_when_none_works_and_says_so()
    {
        using var fake = new Fake(new FakeScript());
        await using var relay = await RelayProgram.StartAsync(
            [.. Login, ("CLAUDE_BIN", fake.Claude), ("SANDBOX", "auto")],
            wrapper: WithBrokenBubblewrap(fake.Directory)
        );

        var ready = await relay.GetAsync("/health/ready");

        ready.Json.GetProperty("sandbox").GetString().Should().Be("off");
        ready.Json.GetProperty("sandbox_note").GetString().Should().Contain("bubblewrap");
        ShowsNoPath(ready.Body);
        relay
            .Log.Should()
            .Contain(line =>
                line.Contains("WRN", StringComparison.Ordinal) && line.Contains("runs without a jail", StringComparison.Ordinal)
            );
        (await relay.CompleteAsync(await relay.MintAsync("app"), new { prompt = "hi" })).Status.Should().Be(200);
    }

    /// <summary>
    /// Starts the relay where bubblewrap is a program that fails as it does when user namespaces are forbidden. (The mount is
    /// seen by the relay only.)
    /// </summary>
    private static string[] WithBrokenBubblewrap(string directory)
    {
        var script = Path.Combine(directory, "bwrap");
        File.WriteAllText(script, "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n");
        File.SetUnixFileMode(
            script,
            UnixFileMode.UserRead
                | UnixFileMode.UserExecute
                | UnixFileMode.GroupRead
                | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead
                | UnixFileMode.OtherExecute
        );
        return
        [
            "/usr/bin/unshare",
            "--mount",
            .. Environment.IsPrivilegedProcess ? Array.Empty<string>() : ["--map-root-user"],
            "/bin/sh",
            "-c",
            "mount --bind \"$1\" /usr/bin/bwrap || exit 99; shift; exec \"$@\"",
            "sh",
            script,
        ];
    }

    private static async Task<string> ProblemAsync(RelayProgram relay, string code)
    {
        await relay.EventuallyAsync(
            async () =>
                (await relay.GetAsync("/health/ready"))
                    .Json.GetProperty("problems")
                    .EnumerateArray()
                    .Any(problem => problem.GetProperty("code").GetString() == code),
            $"readiness never tells of {code}"
        );
        var ready = await relay.GetAsync("/health/ready");
        ready.Status.Should().Be(503);
        ShowsNoPath(ready.Body);
        return ready
            .Json.GetProperty("problems")
            .EnumerateArray()
            .First(problem => problem.GetProperty("code").GetString() == code)
            .GetProperty("message")
            .GetString()!;
    }

    /// <summary>Anybody may ask for readiness: where things lie on this machine is not theirs to know.</summary>
    private static void ShowsNoPath(string body) => body.Should().NotMatchRegex("(^|[^~.\\w@-])/[a-z]+/");

    /// <summary>A fake CLI in its own directory.</summary>
    private sealed class Fake : IDisposable
    {
        public Fake(FakeScript? script) => Claude = script is null ? string.Empty : FakeClaudeInstall.Install(Directory, script);

        public string Directory { get; } = TestMachine.NewDirectory();

        public string Claude { get; }

        public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
    }
}
