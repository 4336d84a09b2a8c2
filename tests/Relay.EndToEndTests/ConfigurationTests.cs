using System.Net;
using System.Net.Sockets;
using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Settings: all checked at start, all problems told at once, and only what is meant for Claude Code reaches it.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private readonly string _home = TestMachine.NewDirectory();

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact(Timeout = 120_000)]
    public async Task Every_problem_is_told_at_once_and_nothing_starts()
    {
        await using var relay = RelayProgram.Launch([
            ("HOST", "example.org"),
            ("PORT", "99999"),
            ("LOG_FORMAT", "yaml"),
            ("MAX_BODY_BYTES", "-1"),
            ("MAX_INPUT_BYTES", "much"),
            ("REQ_TIMEOUT", "0s"),
            ("IDLE_TIMEOUT", "soon"),
            ("DEFAULT_MODEL", "gpt"),
            ("ALLOWED_MODELS", "opus,--evil"),
            ("GLOBAL_CONCURRENCY", "0"),
            ("PER_KEY_DAILY", "1.5"),
            ("SANDBOX", "yes"),
            ("WARM_PROCESSES", "101"),
            ("CLAUDE_AUTH", "api-key"),
            ("CLAUDE_BASE_URL", "http://example.org/"),
            ("CLAUDE_PASS_ENV", "HTTPS_PROXY,ANTHROPIC_API_KEY,LD_PRELOAD"),
        ]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        var log = string.Join('\n', relay.Log);
        foreach (
            var name in (string[])
                [
                    "HOST",
                    "PORT",
                    "LOG_FORMAT",
                    "MAX_BODY_BYTES",
                    "MAX_INPUT_BYTES",
                    "REQ_TIMEOUT",
                    "IDLE_TIMEOUT",
                    "DEFAULT_MODEL",
                    "ALLOWED_MODELS",
                    "GLOBAL_CONCURRENCY",
                    "PER_KEY_DAILY",
                    "SANDBOX",
                    "WARM_PROCESSES",
                    "ANTHROPIC_API_KEY",
                    "CLAUDE_BASE_URL",
                    "CLAUDE_PASS_ENV: ANTHROPIC_API_KEY",
                    "CLAUDE_PASS_ENV: LD_PRELOAD",
                ]
        )
        {
            relay.Log.Should().Contain(line => line.StartsWith($"FTL {name}", StringComparison.Ordinal), $"{name} is wrong, too:\n{log}");
        }

        log.Should().NotContain("   at ").And.NotContain("listens on");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_secret_of_a_wrong_configuration_is_not_printed()
    {
        await using var relay = RelayProgram.Launch([
            ("CLAUDE_AUTH", "oauth"),
            ("ANTHROPIC_API_KEY", "sk-ant-canary-1"),
            ("CLAUDE_CODE_OAUTH_TOKEN", "canary-2"),
            ("PORT", "x"),
        ]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        string.Join('\n', relay.Log).Should().NotContain("canary").And.Contain("CLAUDE_AUTH");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_line_of_the_file_that_says_nothing_is_told_with_its_number()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_home, "config.env"),
            "PORT=0\n\n# fine\nMAX_INPUT_BYTES 5\n",
            TestContext.Current.CancellationToken
        );
        await using var relay = RelayProgram.Launch([("RELAY_HOME", _home)]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        relay.Log.Should().ContainSingle().Which.Should().Contain("config.env, line 4").And.NotContain("MAX_INPUT_BYTES 5");
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task Names_that_mean_nothing_are_warned_about_where_they_are_meant_for_the_relay()
    {
        await File.WriteAllTextAsync(Path.Combine(_home, "config.env"), "MAX_IMPUT_BYTES=5\n", TestContext.Current.CancellationToken);
        await using var relay = await RelayProgram.StartAsync(
            [("RELAY_HOME", _home), ("SANDBOX", "off"), ("SOMETHING_ELSE", "1")],
            waitUntilReady: false,
            arguments: ["--prot", "80"]
        );

        relay.Log.Should().ContainSingle(line => line.Contains("WRN MAX_IMPUT_BYTES", StringComparison.Ordinal));
        relay.Log.Should().ContainSingle(line => line.Contains("WRN PROT", StringComparison.Ordinal));
        relay.Log.Should().NotContain(line => line.Contains("SOMETHING_ELSE", StringComparison.Ordinal), "the environment is everybody's");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task The_environment_overrides_the_file_and_the_command_line_overrides_both()
    {
        using var fake = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(fake.Path, new FakeScript());
        // A comment, quotes, export, and a line that a later one overrides.
        await File.WriteAllTextAsync(
            Path.Combine(_home, "config.env"),
            $"# mine\nexport MAX_INPUT_BYTES=10\nMAX_INPUT_BYTES='20'\nCLAUDE_BIN=\"{claude}\"\nCLAUDE_AUTH=bedrock\n"
                + $"AWS_REGION=of-a-test\nSANDBOX=off\nWARM_PROCESSES=0\n",
            TestContext.Current.CancellationToken
        );

        string? key = null;
        await TakesAsync(20);
        await TakesAsync(30, environment: "30");
        await TakesAsync(40, "30", "--max-input-bytes=40");
        await TakesAsync(50, "30", "--max-input-bytes", "50");

        async Task TakesAsync(int bytes, string? environment = null, params string[] arguments)
        {
            (string, string)[] settings = environment is null
                ? [("RELAY_HOME", _home)]
                : [("RELAY_HOME", _home), ("MAX_INPUT_BYTES", environment)];
            await using var relay = await RelayProgram.StartAsync(settings, arguments: arguments);
            key ??= await relay.MintAsync("app");
            (await relay.CompleteAsync(key, new { prompt = new string('a', bytes) })).Status.Should().Be(200);
            (await relay.CompleteAsync(key, new { prompt = new string('a', bytes + 1) })).Status.Should().Be(413);
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_first_start_writes_every_setting_down_commented_out()
    {
        var home = Path.Combine(_home, "new", "home");
        var file = Path.Combine(home, "config.env");
        await using (await RelayProgram.StartAsync([("RELAY_HOME", home), ("SANDBOX", "off")], waitUntilReady: false))
        {
            File.GetUnixFileMode(file).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            File.GetUnixFileMode(home).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var lines = await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken);
        lines.Should().OnlyContain(line => line.Length == 0 || line[0] == '#');
        string[] settings = [.. lines.Where(line => line.Length > 1 && line[0] == '#' && line[1] != ' ').Select(line => line[1..])];
        settings
            .Select(line => line.Split('=')[0])
            .Should()
            .Contain([
                "HOST",
                "PORT",
                "CLAUDE_BIN",
                "CLAUDE_AUTH",
                "SANDBOX",
                "MAX_INPUT_BYTES",
                "GLOBAL_CONCURRENCY",
                "WARM_PROCESSES",
                "REQ_TIMEOUT",
            ]);

        // Every # removed, it means the same: the defaults can be read back.
        await File.WriteAllLinesAsync(
            file,
            [.. lines.Select(line => line.StartsWith('#') && !line.StartsWith("# ", StringComparison.Ordinal) ? line[1..] : line)],
            TestContext.Current.CancellationToken
        );
        await using var relay = await RelayProgram.StartAsync([("RELAY_HOME", home), ("SANDBOX", "off")], waitUntilReady: false);
        relay
            .Log.Should()
            .NotContain(line =>
                line.Contains("is not a setting", StringComparison.Ordinal) || line.Contains("Wrote", StringComparison.Ordinal)
            );
    }

    [Fact(Timeout = 120_000)]
    public async Task Limits_are_followed_without_a_restart_and_a_file_with_a_fault_changes_nothing()
    {
        await using var relay = await FakeRelay.StartAsync();
        var file = Path.Combine(relay.Program.Home, "config.env");
        Task LogsAsync(string text) =>
            relay.Program.EventuallyAsync(
                () => Task.FromResult(relay.Program.Log.Any(line => line.Contains(text, StringComparison.Ordinal))),
                $"it does not say '{text}'"
            );
        async Task WriteAsync(string text) => await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);

        await WriteAsync("PER_KEY_DAILY=2\nMAX_INPUT_BYTES=10\n");
        await LogsAsync("PER_KEY_DAILY is 2 from now on");
        (await relay.AskAsync()).Status.Should().Be(200);
        (await relay.Program.CompleteAsync(relay.Key, new { prompt = "eleven byte" })).Status.Should().Be(413);
        (await relay.AskAsync()).Status.Should().Be(200);
        (await relay.AskAsync()).ErrorCode.Should().Be("daily_limit", "what was used before the change counts");

        await WriteAsync("PER_KEY_DAILY=0\nQUEUE_LIMIT=many\nMAX_INPUT_BYTES=20\n");
        await LogsAsync("config.env has a mistake: PER_KEY_DAILY");
        await LogsAsync("config.env has a mistake: QUEUE_LIMIT");
        (await relay.AskAsync()).ErrorCode.Should().Be("daily_limit");

        await WriteAsync("what is this\n");
        await LogsAsync("config.env, line 1");

        await WriteAsync("PER_KEY_DAILY=5\nPORT=1\nPER_KEY_RPM=7\n");
        await LogsAsync("PER_KEY_DAILY is 5 from now on");
        await LogsAsync("MAX_INPUT_BYTES is 200000 from now on");
        await LogsAsync("PORT was changed in config.env: restart the relay to put it into effect");
        await LogsAsync("PER_KEY_RPM was changed in config.env, but the environment or the command line overrides it");
        (await relay.Program.CompleteAsync(relay.Key, new { prompt = "eleven byte" })).Status.Should().Be(200);

        File.Delete(file);
        await LogsAsync("PER_KEY_DAILY is 1000 from now on");
        string?[] Changes() =>
            [
                .. relay
                    .Program.Audit.Where(line => line.GetProperty("action").GetString() == "setting_changed")
                    .Select(line => line.GetProperty("detail").GetString()),
            ];
        // The audit log is written a moment after the program's log.
        await relay.Program.EventuallyAsync(() => Task.FromResult(Changes().Length >= 5), "the last change is not in the audit log");
        Changes()
            .Should()
            .Equal("MAX_INPUT_BYTES=10", "PER_KEY_DAILY=2", "MAX_INPUT_BYTES=200000", "PER_KEY_DAILY=5", "PER_KEY_DAILY=1000");
    }

    [Theory(Timeout = 120_000)]
    [InlineData("0.0.0.0")]
    [InlineData("::", Traits = ["Extent", "all"])]
    public async Task An_address_that_others_reach_must_be_meant(string host)
    {
        await using var relay = RelayProgram.Launch([("HOST", host)]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        relay
            .Log.Should()
            .Contain(line =>
                line.Contains("HOST:", StringComparison.Ordinal) && line.Contains("ALLOW_REMOTE=true", StringComparison.Ordinal)
            );
    }

    [Fact(Timeout = 120_000)]
    public async Task A_port_in_use_is_told_in_a_sentence()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port.ToString();
        await using var relay = RelayProgram.Launch([("PORT", port), ("SANDBOX", "off")]);

        (await relay.WaitForExitAsync()).Should().Be(1);

        relay
            .Log.Should()
            .Contain(line =>
                line.StartsWith("FTL ", StringComparison.Ordinal)
                && line.Contains(port, StringComparison.Ordinal)
                && line.Contains("choose another PORT", StringComparison.Ordinal)
            );
        string.Join('\n', relay.Log).Should().NotContain("   at ");
    }

    /// <summary>The gate puts the credential in and uses the proxy: neither is in a process that hears a caller's words.</summary>
    [Fact(Timeout = 120_000)]
    public async Task No_secret_or_stray_setting_reaches_claude_and_no_word_of_a_caller_reaches_a_command_line()
    {
        await using var api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        api.Default = new Behavior { BeforeFirstToken = TimeSpan.FromSeconds(30) };
        await using var relay = await RelayProgram.StartAsync([
            ("CLAUDE_BIN", TestMachine.RealClaude),
            ("SANDBOX", "off"),
            ("WARM_PROCESSES", "1"),
            ("CLAUDE_BASE_URL", api.BaseAddress.ToString()),
            ("DRAIN_TIMEOUT", "1s"),
            ("CLAUDE_AUTH", "api-key"),
            ("ANTHROPIC_API_KEY", "canary-key-of-a-test"),
            ("CLAUDE_CODE_OAUTH_TOKEN", "stray-2"),
            ("ANTHROPIC_AUTH_TOKEN", "stray-3"),
            ("ANTHROPIC_BASE_URL", "http://stray-4.example/"),
            ("NODE_OPTIONS", "--stray-5"),
            ("AWS_SECRET_ACCESS_KEY", "stray-6"),
            ("CLAUDE_CONFIG_DIR", "/stray-7"),
            ("SECRET_OF_ANOTHER_APP", "stray-8"),
            ("CLAUDE_PASS_ENV", "HTTPS_PROXY, NO_PROXY,MISSING_ONE"),
            ("HTTPS_PROXY", "http://stray-9@127.0.0.1:9/"),
            ("NO_PROXY", "127.0.0.1"),
            ("HTTP_PROXY", "stray-10"),
        ]);
        var key = await relay.MintAsync("app");
        using var caller = new CancellationTokenSource();
        var asking = relay.CompleteAsync(key, new { prompt = "canary-prompt", system = "canary-system" }, caller.Token);
        await TestMachine.EventuallyAsync(() => api.Requests.Count == 1, TimeSpan.FromSeconds(20), "nothing runs");

        foreach (var child in relay.Children)
        {
            var variables = await File.ReadAllTextAsync($"/proc/{child}/environ", TestContext.Current.CancellationToken);
            variables
                .Should()
                .NotContain("stray")
                .And.NotContain("canary")
                .And.NotContain(api.BaseAddress.Authority)
                .And.Contain("DISABLE_TELEMETRY=1");
        }

        foreach (var process in Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)))
        {
            CommandLineOf(int.Parse(process!)).Should().NotContain("canary-").And.NotContain(key);
        }

        api.Requests[0].Headers["x-api-key"].Should().Be("canary-key-of-a-test");
        var stray = relay.Log.Single(line => line.Contains("are set here but not given to Claude Code", StringComparison.Ordinal));
        stray
            .Should()
            .Contain("CLAUDE_AUTH=api-key")
            .And.Contain("CLAUDE_CODE_OAUTH_TOKEN")
            .And.Contain("ANTHROPIC_BASE_URL")
            .And.Contain("WRN")
            .And.NotContain("stray-");
        await caller.CancelAsync();
        await asking.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task A_cloud_gets_its_own_credential_and_what_is_passed_on()
    {
        using var fake = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(fake.Path, new FakeScript());
        await using var relay = await RelayProgram.WithFakeClaudeAsync(
            claude,
            ("WARM_PROCESSES", "1"),
            ("AWS_SECRET_ACCESS_KEY", "of-the-cloud"),
            ("ANTHROPIC_API_KEY", "stray-1"),
            ("CLAUDE_PASS_ENV", "HTTPS_PROXY, NO_PROXY,MISSING_ONE"),
            ("HTTPS_PROXY", "http://127.0.0.1:9/")
        );
        await TestMachine.EventuallyAsync(
            () => FakeClaudeInstall.Pids(fake.Path).Any(TestMachine.IsRunning),
            TimeSpan.FromSeconds(5),
            "there is no spare"
        );
        var child = FakeClaudeInstall.Pids(fake.Path).First(TestMachine.IsRunning);

        var variables = (await File.ReadAllTextAsync($"/proc/{child}/environ", TestContext.Current.CancellationToken)).Split(
            '\0',
            StringSplitOptions.RemoveEmptyEntries
        );

        variables.Should().NotContain(variable => variable.Contains("stray", StringComparison.OrdinalIgnoreCase));
        variables
            .Should()
            .Contain("HTTPS_PROXY=http://127.0.0.1:9/")
            .And.Contain("AWS_SECRET_ACCESS_KEY=of-the-cloud")
            .And.Contain("CLAUDE_CODE_USE_BEDROCK=1");
    }

    private static string CommandLineOf(int processId)
    {
        try
        {
            return TestMachine.CommandLineOf(processId);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return string.Empty; // It has ended meanwhile, or is another user's.
        }
    }
}
