using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Relay.EndToEndTests;

/// <summary>The work of operators with <c>relayctl</c> besides asking the doctor: keys, usage, audit log, settings, login.</summary>
[Fast]
public sealed class OperatorCommandTests(OperatorCommandTests.Fixture fixture) : IClassFixture<OperatorCommandTests.Fixture>
{
    private readonly FakeRelay _relay = fixture.Relay;

    [Fact(Timeout = 120_000)]
    public async Task A_key_is_shown_and_listed_with_all_it_was_made_with_and_never_with_its_secret()
    {
        var (code, output, error) = await RunAsync(
            "keys",
            "add",
            "whole",
            "--daily",
            "7",
            "--rpm",
            "3",
            "--concurrency",
            "2",
            "--usd",
            "1.25",
            "--scope",
            "complete,admin",
            "--model",
            "haiku,opus",
            "--expires",
            "30d",
            "--json"
        );
        code.Should().Be(0, error);
        var secret = JsonElement.Parse(output).GetProperty("secret").GetString()!;
        var shown = await RunAsync("keys", "show", "whole", "--json");
        var key = JsonElement.Parse(shown.Output).GetProperty("key");

        key.GetProperty("limits")
            .EnumerateObject()
            .Select(limit => $"{limit.Name}={limit.Value}")
            .Should()
            .Equal("rpm=3", "daily=7", "concurrency=2", "usd_per_day=1.25");
        key.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()).Should().Equal("complete", "admin");
        key.GetProperty("models").EnumerateArray().Select(model => model.GetString()).Should().Equal("haiku", "opus");
        (key.GetProperty("expires_at").GetDateTimeOffset() - key.GetProperty("created_at").GetDateTimeOffset())
            .Should()
            .Be(TimeSpan.FromDays(30));
        await _relay.AuditedAsync(line =>
            Text(line, "action") == "key_added" && Text(line, "key_label") == "whole" && Text(line, "by") == Environment.UserName
        );
        foreach (
            var told in await Task.WhenAll(
                Task.FromResult(shown),
                RunAsync("keys", "show", "whole"),
                RunAsync("keys", "list"),
                RunAsync("keys", "list", "--all", "--json"),
                RunAsync("audit", "tail"),
                RunAsync("audit", "tail", "--json")
            )
        )
        {
            told.ExitCode.Should().Be(0);
            told.Output.Should().Contain("whole").And.NotContain(secret[10..], "that is beyond the prefix").And.NotContain("sha256");
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_rotated_keys_old_secret_works_until_the_overlap_is_over()
    {
        var first = await _relay.Program.MintAsync("turning");
        var (code, output, error) = await RunAsync("keys", "rotate", "turning");
        var second = output.Trim();

        code.Should().Be(0, error);
        output.Should().MatchRegex("^crk_[A-Za-z0-9_-]{49}\n$");
        error.Should().Contain("works until");
        await BecomesAsync(second, 200);
        (await StatusAsync(first)).Should().Be(200, "the overlap is a day");

        (_, output, _) = await RunAsync("keys", "rotate", "turning", "--overlap", "0");
        await BecomesAsync(output.Trim(), 200);
        await BecomesAsync(second, 401);
        (await StatusAsync(first)).Should().Be(401, "without an overlap no older secret goes on, whatever was promised before");
        (await RunAsync("keys", "rotate", "turning", "--overlap", "31d")).ExitCode.Should().Be(2);
        (await RunAsync("keys", "rotate", "nobody")).ExitCode.Should().Be(3);
    }

    [Fact(Timeout = 120_000)]
    public async Task New_limits_count_within_a_second()
    {
        var secret = await _relay.Program.MintAsync("limited");
        (await CompleteAsync(secret)).Should().Be(200);
        (await RunAsync("keys", "set-limits", "limited", "--rpm", "1", "--daily", "5")).ExitCode.Should().Be(0);
        var watch = Stopwatch.StartNew();

        await _relay.Program.EventuallyAsync(async () => await CompleteAsync(secret) == 429, "the new limit never counts");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1.5));

        (await RunAsync("keys", "set-limits", "limited", "--rpm", "default")).ExitCode.Should().Be(0);
        await _relay.Program.EventuallyAsync(async () => await CompleteAsync(secret) == 200, "the limit never goes");
        var limits = JsonElement
            .Parse((await RunAsync("keys", "show", "limited", "--json")).Output)
            .GetProperty("key")
            .GetProperty("limits");
        limits.GetProperty("rpm").ValueKind.Should().Be(JsonValueKind.Null);
        limits.GetProperty("daily").GetInt32().Should().Be(5, "what is not named stays");
    }

    [Theory(Timeout = 120_000)]
    [InlineData(4, "keys", "add", "app")]
    [InlineData(3, "keys", "revoke", "nobody")]
    [InlineData(3, "keys", "show", "nobody")]
    [InlineData(3, "keys", "set-limits", "nobody", "--rpm", "5")]
    [InlineData(2, "keys", "set-limits", "app")]
    [InlineData(2, "keys", "set-limits", "app", "--rpm", "many")]
    [InlineData(2, "keys", "set-limits", "app", "--usd", "0")]
    [InlineData(2, "keys", "add", "new", "--scope", "everything")]
    [InlineData(2, "keys", "add", "new", "--model", "GPT")]
    [InlineData(2, "keys", "add", "new", "--expires", "soon")]
    [InlineData(2, "keys", "add", "evil\u001b[31m")]
    [InlineData(2, "usage", "--days", "0")]
    [InlineData(2, "usage", "--by", "moon")]
    [InlineData(2, "audit", "tail", "--lines", "-1")]
    [InlineData(2, "frobnicate")]
    public async Task A_refused_command_says_why_on_stderr_and_by_its_exit_code(int expected, params string[] arguments)
    {
        var (code, output, error) = await RunAsync(arguments);

        code.Should().Be(expected, error);
        output.Should().BeEmpty();
        error.Should().NotBeNullOrWhiteSpace().And.NotContain("   at ").And.NotContain("Exception").And.NotContain("\u001b");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_revoked_key_is_hidden_from_the_list_and_can_still_be_shown_with_what_it_used()
    {
        var secret = await _relay.Program.MintAsync("gone");
        (await CompleteAsync(secret)).Should().Be(200);
        (await RunAsync("keys", "revoke", "gone")).ExitCode.Should().Be(0);

        // The relay takes its counts to the disk twice a second.
        JsonElement shown = default;
        await _relay.Program.EventuallyAsync(
            async () =>
            {
                shown = JsonElement.Parse((await RunAsync("keys", "show", "gone", "--json")).Output);
                // The command reads the last use first, and the relay may write between its two reads.
                return shown.GetProperty("today").GetProperty("requests").GetInt32() == 1
                    && shown.GetProperty("key").GetProperty("last_used_at").ValueKind == JsonValueKind.String;
            },
            "its use is not counted"
        );
        var told = await Task.WhenAll(RunAsync("keys", "list"), RunAsync("keys", "list", "--all"), RunAsync("keys", "show", "gone"));

        told[0].Output.Should().NotContain("gone");
        told[1].Output.Should().Contain("gone").And.Contain("revoked");
        told[2].Output.Should().Contain("revoked").And.Contain("1 requests").And.NotContain("\u001b");
        shown
            .GetProperty("key")
            .GetProperty("last_used_at")
            .GetDateTimeOffset()
            .Should()
            .BeCloseTo(TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(1));
    }

    [Fact(Timeout = 120_000)]
    public async Task Usage_is_summed_up_by_key_model_and_day()
    {
        var secret = await _relay.Program.MintAsync("spender");
        (await CompleteAsync(secret)).Should().Be(200);
        await _relay.Program.EventuallyAsync(
            async () => (await RunAsync("usage", "--json")).Output.Contains("spender", StringComparison.Ordinal),
            "the use is not counted"
        );

        var reports = await Task.WhenAll(
            ((string[])["key", "model", "day"]).Select(by => RunAsync("usage", "--by", by, "--days", "2", "--json"))
        );
        foreach (var (text, name) in reports.Select(report => report.Output).Zip((string[])["label", "model", "day"]))
        {
            var report = JsonElement.Parse(text);
            var rows = report.GetProperty("rows").EnumerateArray().ToList();
            rows.Should().OnlyContain(row => row.GetProperty(name).GetString()!.Length > 0);
            rows.Sum(row => row.GetProperty("usage").GetProperty("requests").GetInt64())
                .Should()
                .Be(report.GetProperty("total").GetProperty("requests").GetInt64())
                .And.BePositive();
        }

        (await RunAsync("usage"))
            .Output.Should()
            .Contain("spender")
            .And.Contain("total")
            .And.NotContain("\u001b", "a pipe gets no colours");
    }

    [Fact(Timeout = 120_000)]
    public async Task The_audit_log_is_followed_as_it_is_written_and_may_be_of_one_key()
    {
        var secret = await _relay.Program.MintAsync("followed");
        using var following = RelayctlProcess.Start(
            [],
            ["--home", _relay.Program.Home, "audit", "tail", "--follow", "--lines", "0", "--key", "followed", "--json"]
        );
        try
        {
            var next = following.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask();
            // It follows from its start on, which nothing tells: ask until a line comes.
            await _relay.Program.EventuallyAsync(
                async () =>
                {
                    (await _relay.AskAsync()).Status.Should().Be(200, "another key's line is there to be left out");
                    (await CompleteAsync(secret)).Should().Be(200);
                    return next.IsCompleted;
                },
                "no line comes"
            );

            var line = JsonElement.Parse((await next)!);
            Text(line, "action").Should().Be("complete");
            Text(line, "key_label").Should().Be("followed");
            TestMachine.Signal(following.Id, PosixSignal.SIGINT);
            var rest = await following.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await following.WaitForExitAsync(TestContext.Current.CancellationToken);
            following.ExitCode.Should().Be(0, "that is how following ends");
            rest.Should().NotContain("\"app\"");
            (await following.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).Should().BeEmpty();
        }
        finally
        {
            following.Kill();
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task Following_goes_on_over_midnight_and_waits_for_the_other_half_of_a_line()
    {
        using var home = new TemporaryDirectory();
        var audit = Directory.CreateDirectory(Path.Combine(home.Path, "audit")).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(audit, "2026-01-01.jsonl"),
            """{"action":"one"}""" + "\n",
            TestContext.Current.CancellationToken
        );
        using var following = RelayctlProcess.Start([], ["--home", home.Path, "audit", "tail", "-f", "-n", "1", "--json"]);
        try
        {
            (await NextAsync()).Should().Be("""{"action":"one"}""");

            await File.AppendAllTextAsync(
                Path.Combine(audit, "2026-01-01.jsonl"),
                """{"action":"two"}""" + "\n" + """{"action":"th""",
                TestContext.Current.CancellationToken
            );
            (await NextAsync()).Should().Be("""{"action":"two"}""");

            await File.AppendAllTextAsync(Path.Combine(audit, "2026-01-01.jsonl"), "ree\"}\n", TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(
                Path.Combine(audit, "2026-01-02.jsonl"),
                """{"action":"four"}""" + "\n",
                TestContext.Current.CancellationToken
            );
            (await NextAsync()).Should().Be("""{"action":"three"}""");
            (await NextAsync()).Should().Be("""{"action":"four"}""");
        }
        finally
        {
            following.Kill();
        }

        async Task<string?> NextAsync() => await following.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
    }

    [Fact(Timeout = 120_000)]
    public async Task The_tail_goes_back_over_days_and_shows_nothing_that_a_terminal_would_obey()
    {
        using var home = new TemporaryDirectory();
        var audit = Directory.CreateDirectory(Path.Combine(home.Path, "audit")).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(audit, "2026-01-01.jsonl"),
            Line("one") + Line("two"),
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(
            Path.Combine(audit, "2026-01-02.jsonl"),
            Line("three") + "not JSON \u001b[31m [bold]\n" + """{"time":"2026-""",
            TestContext.Current.CancellationToken
        );

        var (code, output, error) = await RunAsync("--home", home.Path, "audit", "tail", "--lines", "3");

        code.Should().Be(0, error);
        output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should()
            .HaveCount(3)
            .And.SatisfyRespectively(
                first => first.Should().Contain("two"),
                second => second.Should().Contain("three").And.Contain("[red]x[/]"),
                third => third.Should().Be(@"not JSON \u001b[31m [bold]")
            );
        (await RunAsync("--home", home.Path, "audit", "tail", "--json", "--key", "two")).Output.Should().Be(Line("two"));

        static string Line(string key) =>
            $$$"""{"time":"2026-01-01T00:00:00Z","action":"complete","key_label":"{{{key}}}","detail":"[red]x[/]\u001b"}""" + "\n";
    }

    [Fact(Timeout = 120_000)]
    public async Task Settings_are_shown_with_where_they_come_from_and_credentials_are_not()
    {
        using var home = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(home.Path, "config.env"),
            "PORT=8801\nQUEUE_LIMIT=9\nANTHROPIC_API_KEY=sk-ant-of-a-test\n",
            TestContext.Current.CancellationToken
        );

        var (code, output, _) = await RunAsync([("QUEUE_LIMIT", "11")], "--home", home.Path, "config", "show", "--json");
        var settings = JsonElement
            .Parse(output)
            .GetProperty("settings")
            .EnumerateArray()
            .ToDictionary(
                setting => Text(setting, "name")!,
                setting => (Text(setting, "value"), Text(setting, "source")),
                StringComparer.Ordinal
            );

        code.Should().Be(0);
        settings["PORT"].Should().Be(("8801", "config.env"));
        settings["QUEUE_LIMIT"].Should().Be(("11", "environment"));
        settings["GLOBAL_DAILY"].Should().Be(("5000", "default"));
        settings["ANTHROPIC_API_KEY"].Should().Be(("***", "config.env"));
        (output + (await RunAsync("--home", home.Path, "config", "show")).Output).Should().NotContain("sk-ant");
    }

    [Fact(Timeout = 120_000)]
    public async Task All_problems_of_the_settings_are_told_at_once()
    {
        using var home = new TemporaryDirectory();
        var file = Path.Combine(home.Path, "config.env");
        await File.WriteAllTextAsync(
            file,
            "PORT=99999\nREQ_TIMEOUT=soon\nHOST=0.0.0.0\nFROBNICATE=1\nAWS_REGION=eu\n",
            TestContext.Current.CancellationToken
        );

        var (code, output, error) = await RunAsync("--home", home.Path, "config", "check", "--json");
        var findings = JsonElement
            .Parse(output)
            .GetProperty("findings")
            .EnumerateArray()
            .Select(finding => (Text(finding, "status"), Text(finding, "detail")!))
            .ToList();

        code.Should().Be(1, error);
        findings
            .Where(finding => finding.Item1 == "fail")
            .Select(finding => finding.Item2.Split(':')[0])
            .Should()
            .BeEquivalentTo("PORT", "REQ_TIMEOUT", "HOST");
        findings.Should().ContainSingle(finding => finding.Item1 == "warn").Which.Item2.Should().Contain("FROBNICATE");

        await File.WriteAllTextAsync(file, "PORT=8802\n", TestContext.Current.CancellationToken);
        (await RunAsync("--home", home.Path, "config", "check")).ExitCode.Should().Be(0);
        await File.WriteAllTextAsync(file, "what is this\n", TestContext.Current.CancellationToken);
        (code, output, error) = await RunAsync("--home", home.Path, "config", "check");
        (code, output).Should().Be((1, string.Empty));
        error.Should().Contain("line 1").And.NotContain("   at ");
        (await RunAsync("--home", home.Path, "keys", "add", "still")).ExitCode.Should().Be(0, "keys need no settings");
    }

    [Fact(Timeout = 120_000)]
    public async Task An_audit_line_that_can_not_be_written_is_told_and_the_key_is_there()
    {
        using var home = new TemporaryDirectory();
        await File.WriteAllTextAsync(Path.Combine(home.Path, "audit"), "in the way", TestContext.Current.CancellationToken);

        var (code, output, error) = await RunAsync("--home", home.Path, "keys", "add", "unaudited");

        code.Should().Be(0);
        output.Should().StartWith("crk_");
        error.Should().Contain("audit log").And.Contain("lost").And.NotContain("   at ");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_login_goes_to_the_relays_own_directory_and_only_a_good_one_stays()
    {
        using var home = new TemporaryDirectory();
        var claude = Path.Combine(home.Path, "fake-claude");
        var own = Path.Combine(home.Path, "claude");
        await File.WriteAllTextAsync(
            claude,
            """
            #!/bin/sh
            if [ "$2" = login ]; then
              env >"$CLAUDE_CONFIG_DIR/env"
              [ -e "$0.broken" ] || echo secret >"$CLAUDE_CONFIG_DIR/login"
            elif [ -e "$CLAUDE_CONFIG_DIR/login" ]; then
              echo '{ "loggedIn": true,'; echo '"authMethod": "claude.ai" }'
            else
              echo '{ "loggedIn": false, "authMethod": "none" }'; exit 1
            fi

            """,
            TestContext.Current.CancellationToken
        );
        File.SetUnixFileMode(claude, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        (string, string)[] environment =
        [
            ("CLAUDE_BIN", claude),
            ("ANTHROPIC_API_KEY", "sk-ant-of-a-test"),
            ("CLAUDE_CODE_OAUTH_TOKEN", "of-a-test"),
        ];
        await File.WriteAllTextAsync(claude + ".broken", string.Empty, TestContext.Current.CancellationToken);

        var (code, _, error) = await RunAsync(environment, "--home", home.Path, "login");
        code.Should().Be(1);
        error.Should().Contain("terminal").And.NotContain("logged in", "nobody could answer its questions");
        (code, _, error) = await RunAsync(environment, "--home", home.Path, "login", "--force");
        code.Should().Be(1);
        error.Should().Contain("not logged in");
        Directory.Exists(own).Should().BeFalse("the relay would use it at once");

        File.Delete(claude + ".broken");
        (code, _, error) = await RunAsync(environment, "--home", home.Path, "login", "--force");
        code.Should().Be(0, error);
        error.Should().Contain("claude.ai").And.Contain("uses it within half a minute");
        File.GetUnixFileMode(own).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var seen = await File.ReadAllTextAsync(Path.Combine(own, "env"), TestContext.Current.CancellationToken);
        seen.Should().Contain("PATH=").And.NotContain("of-a-test").And.NotContain("CLAUDE_BIN");
        Directory.Exists(own + ".new").Should().BeFalse();
    }

    [Theory(Timeout = 120_000)]
    [InlineData("Exit codes:")]
    [InlineData("relayctl keys add shop", "keys", "add")]
    [InlineData("relayctl keys rotate shop", "keys", "rotate")]
    [InlineData("relayctl audit tail --follow --key shop", "audit", "tail")]
    [InlineData("costs one request", "doctor")]
    public async Task Help_has_examples_and_the_exit_codes(string expected, params string[] command)
    {
        var (code, output, _) = await RunAsync([.. command, "--help"]);

        code.Should().Be(0);
        output.Should().Contain(expected);
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.ToString() : null;

    private async Task<int> StatusAsync(string secret) => (await _relay.Program.GetAsync("/v1/models", secret)).Status;

    private async Task<int> CompleteAsync(string secret) => (await _relay.Program.CompleteAsync(secret, new { prompt = "hi" })).Status;

    private Task BecomesAsync(string secret, int status) =>
        _relay.Program.EventuallyAsync(async () => await StatusAsync(secret) == status, $"the secret is never answered {status}");

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) =>
        _relay.Program.RelayctlAsync(arguments);

    /// <summary>With further variables, which relayctl takes as settings.</summary>
    private static Task<(int ExitCode, string Output, string Error)> RunAsync(
        (string Name, string Value)[] environment,
        params string[] arguments
    ) => RelayctlProcess.RunAsync(environment, arguments);

    public sealed class Fixture() : FakeRelayFixture(("PER_KEY_RPM", "10000"));
}
