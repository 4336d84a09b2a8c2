using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary><c>relayctl doctor</c>: says what is wrong and what to do, and leaves a running relay alone.</summary>
public sealed class DoctorTests
{
    [Fact(Timeout = 180_000)]
    public async Task A_healthy_relay_passes_while_it_serves_and_is_not_disturbed()
    {
        var port = FreePort();
        await using var relay = await FakeRelay.StartAsync(new FakeScript(), ("PORT", $"{port}"), ("WARM_PROCESSES", "1"));
        await TestMachine.EventuallyAsync(() => relay.Survivors.Count == 1, TimeSpan.FromSeconds(10), "there is no spare");
        var spare = relay.Survivors[0];

        var report = await DiagnoseAsync(relay.Program.Home, relay.Directory, [("PORT", $"{port}")]);

        report.ExitCode.Should().Be(0, report.Output);
        report.Statuses.Should().NotContain("fail").And.Contain("warn", "there is no jail here");
        report
            .Of("claude", "version", "lockdown", "login", "home", "modes", "audit", "keys", "database", "port", "relay", "clock")
            .Should()
            .OnlyContain(status => status == "pass");
        report.Detail("keys").Should().Contain("1 of 1");
        report.Detail("port").Should().Contain("A relay serves");
        report.Detail("relay").Should().MatchRegex("It accepted Claude Code [0-9.]+ 0 minutes ago");
        report.Advice("jail").Should().Contain("SANDBOX");
        relay.Survivors.Should().Equal([spare], "neither the relay's spare is gone nor one of the doctor's processes left");
        Directory
            .EnumerateFileSystemEntries(Path.Combine(relay.Program.Home, "run"))
            .Should()
            .ContainSingle("the spare's, and nothing of the doctor's");
        (await relay.AskAsync()).Status.Should().Be(200);
        (await relay.ProblemCodesAsync()).Should().BeEmpty();
    }

    [Fact(Timeout = 180_000)]
    public async Task Problems_of_the_files_and_the_port_are_told_all_at_once()
    {
        using var home = new TemporaryDirectory();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        using var another = new TcpListener(IPAddress.Loopback, 0);
        another.Start();
        var (port, metricsPort) = (((IPEndPoint)other.LocalEndpoint).Port, ((IPEndPoint)another.LocalEndpoint).Port);
        var keys = Path.Combine(home.Path, "keys.json");
        await File.WriteAllTextAsync(keys, "{ broken", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(home.Path, "relay.db"), new string('x', 5000), TestContext.Current.CancellationToken);
        var audit = Directory.CreateDirectory(Path.Combine(home.Path, "audit"));
        await File.WriteAllTextAsync(Path.Combine(audit.FullName, "2999-01-01.jsonl"), "{}\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(
            home.Path,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute
        );

        var report = await DiagnoseAsync(
            home.Path,
            claudeDirectory: null,
            [("PORT", $"{port}"), ("METRICS_PORT", $"{metricsPort}"), ("ANTHROPIC_BASE_URL", "https://example.com")]
        );

        report.ExitCode.Should().Be(1);
        report.Of("claude", "modes", "keys", "database", "port", "metrics_port", "clock").Should().OnlyContain(status => status == "fail");
        report.Detail("claude").Should().Contain("npm install -g @anthropic-ai/claude-code");
        report.Detail("keys").Should().Contain("line 1");
        report.Detail("port").Should().Contain("Another program");
        report.Advice("metrics_port").Should().Contain("METRICS_PORT");
        report.Detail("clock").Should().Contain("2999-01-01");
        report.Advice("modes").Should().Contain("chmod 700").And.Contain(home.Path);
        report.Detail("environment").Should().Contain("ANTHROPIC_BASE_URL");
        File.GetUnixFileMode(home.Path).Should().HaveFlag(UnixFileMode.OtherRead, "the doctor tells, and its reader decides");
        (await File.ReadAllTextAsync(keys, TestContext.Current.CancellationToken)).Should().Be("{ broken");

        File.Delete(keys);
        var (code, output, error) = await RelayctlProcess.RunAsync([], ["--home", home.Path, "usage"]);
        (code, output).Should().Be((1, string.Empty));
        error.Should().Contain("relay.db").And.NotContain("   at ").And.NotContain("Exception");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task A_claude_that_may_not_serve_is_told_with_the_reason()
    {
        using var home = new TemporaryDirectory();
        using var claude = new TemporaryDirectory();

        FakeClaudeInstall.Install(claude.Path, new FakeScript { Version = "2.1.200" });
        var report = await DiagnoseAsync(home.Path, claude.Path, []);
        report.ExitCode.Should().Be(1);
        report.Of("version").Should().Equal("fail");
        report.Detail("version").Should().Contain("2.1.200").And.Contain("2.1.290");

        FakeClaudeInstall.Update(claude.Path, new FakeScript { InitTools = ["Bash"] });
        report = await DiagnoseAsync(home.Path, claude.Path, []);
        report.ExitCode.Should().Be(1);
        report.Of("version", "lockdown").Should().Equal("pass", "fail");
        report.Detail("lockdown").Should().Contain("tools");

        FakeClaudeInstall.Update(claude.Path, new FakeScript { Version = "2.9.0", ApiKeySource = "none" });
        report = await DiagnoseAsync(home.Path, claude.Path, [("CLAUDE_AUTH", "login")]);
        report.ExitCode.Should().Be(1);
        report.Of("version", "lockdown", "login").Should().Equal("warn", "pass", "fail");
        report.Advice("login").Should().Contain("relayctl login");
    }

    [Fact(Timeout = 180_000)]
    public async Task Settings_that_are_not_valid_do_not_hide_the_rest()
    {
        using var home = new TemporaryDirectory();

        var report = await DiagnoseAsync(
            home.Path,
            claudeDirectory: null,
            [("REQ_TIMEOUT", "soon"), ("PORT", "many"), ("SANDBOX", "maybe")]
        );

        report.ExitCode.Should().Be(1);
        report.Of("configuration").Should().Equal("fail", "fail", "fail");
        report.Of("home", "modes", "database", "clock").Should().OnlyContain(status => status == "pass");
        report.Of("port", "jail").Should().OnlyContain(status => status == "warn");
    }

    [Fact(Timeout = 180_000)]
    public async Task One_page_is_followed_step_by_step()
    {
        using var home = new TemporaryDirectory();

        var (code, output, error) = await RelayctlProcess.RunAsync(
            Environment(home.Path, []),
            ["--home", home.Path, "doctor", "--fetch", "http://192.168.1.1/"]
        );

        (code, error).Should().Be((1, string.Empty));
        output.Should().MatchRegex("(?m)^fail  url  Refused by its text, before any look-up: target_forbidden");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task For_people_there_is_a_line_for_each_finding()
    {
        using var home = new TemporaryDirectory();
        using var claude = new TemporaryDirectory();
        FakeClaudeInstall.Install(claude.Path, new FakeScript());

        var (code, output, error) = await RelayctlProcess.RunAsync(
            Environment(claude.Path, [("PORT", "0")]),
            ["--home", home.Path, "doctor", "--call"]
        );

        code.Should().Be(0, output);
        error.Should().BeEmpty();
        output
            .Should()
            .MatchRegex("(?m)^pass  lockdown ")
            .And.MatchRegex("(?m)^warn  keys ")
            .And.MatchRegex(@"(?m)^pass  call .*answered in .* s \(.*\$0\.\d{6}")
            .And.Contain("-> Mint one")
            .And.NotContain("\u001b");
    }

    [OnlyWithAll]
    [Fact(Timeout = 180_000)]
    public async Task The_real_claude_passes_and_one_call_is_made_when_asked_for()
    {
        await using var simulator = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        using var home = new TemporaryDirectory();
        (string, string)[] settings =
        [
            ("CLAUDE_BIN", TestMachine.RealClaude),
            ("CLAUDE_AUTH", "api-key"),
            ("ANTHROPIC_API_KEY", "dummy-key-of-a-test"),
            ("CLAUDE_BASE_URL", simulator.BaseAddress.ToString()),
            ("PORT", "0"),
        ];

        var report = await RunAsync(settings, "--home", home.Path, "doctor", "--json");
        report.ExitCode.Should().Be(0, report.Output);
        report.Of("claude", "version", "lockdown", "login").Should().OnlyContain(status => status == "pass");
        report.Detail("login").Should().Contain("a credential is there");
        simulator.Requests.Should().BeEmpty("nothing is spent unless asked for");

        report = await RunAsync(settings, "--home", home.Path, "doctor", "--call", "--json");
        report.ExitCode.Should().Be(0, report.Output);
        report.Detail("call").Should().Contain("answered in");
        simulator.Requests.Should().ContainSingle();
    }

    private static Task<Report> DiagnoseAsync(string home, string? claudeDirectory, (string, string)[] settings) =>
        RunAsync(Environment(claudeDirectory, settings), "--home", home, "doctor", "--json");

    private static (string, string)[] Environment(string? claudeDirectory, (string, string)[] settings) =>
        [
            ("PATH", claudeDirectory is null ? "/nonexistent" : $"{claudeDirectory}:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("CLAUDE_AUTH", "bedrock"),
            ("AWS_REGION", "of-a-test"),
            ("SANDBOX", "off"),
            ("PORT", "0"),
            .. settings,
        ];

    private static async Task<Report> RunAsync((string, string)[] environment, params string[] arguments)
    {
        var (code, output, error) = await RelayctlProcess.RunAsync(environment, arguments);
        error.Should().NotContain("   at ");
        return new Report(code, output, [.. JsonElement.Parse(output).GetProperty("findings").EnumerateArray()]);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed record Report(int ExitCode, string Output, IReadOnlyList<JsonElement> Findings)
    {
        public IEnumerable<string> Statuses => Findings.Select(finding => finding.GetProperty("status").GetString()!);

        /// <summary>The statuses of some checks, each of which must be there.</summary>
        public IReadOnlyList<string> Of(params string[] checks) =>
            [
                .. checks.SelectMany(check =>
                    Findings
                        .Where(finding => finding.GetProperty("check").ValueEquals(check))
                        .Select(finding => finding.GetProperty("status").GetString()!)
                        .DefaultIfEmpty($"no finding '{check}'")
                ),
            ];

        public string Detail(string check) =>
            Findings.First(finding => finding.GetProperty("check").ValueEquals(check)).GetProperty("detail").GetString()!;

        public string? Advice(string check) =>
            Findings.First(finding => finding.GetProperty("check").ValueEquals(check)).GetProperty("advice").GetString();
    }
}
