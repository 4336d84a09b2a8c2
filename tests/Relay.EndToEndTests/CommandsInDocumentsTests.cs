using System.Diagnostics;
using System.Text.RegularExpressions;
using Relay.AnthropicSimulator;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>
/// Every command in a <c>bash</c> block of the documents is run, as it stands there, against a running relay; the few that are a
/// test's own subject are run there, and two need what no machine of the tests has.
/// </summary>
public sealed partial class CommandsInDocumentsTests
{
    private static readonly Dictionary<string, string> RunElsewhere = new(StringComparer.Ordinal)
    {
        ["./run.sh"] = nameof(Run_sh_starts_a_relay_and_stops_it),
        ["./run.sh --demo"] = nameof(The_demo_shows_a_completion_of_the_real_cli_and_cleans_up),
        ["./install.sh"] = "InstallTests",
        ["./uninstall.sh"] = "InstallTests",
        [
            """curl http://127.0.0.1:8799/v1/fetch -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json'   -d '{"url":"https://example.com/","format":"markdown"}'"""
        ] = nameof(FetchScenarioTests),
        ["docker compose -f deploy/compose.fleet.yaml cp redis:/data/dump.rdb ~/relay-backup/"] =
            "nowhere: there is no engine on the machines of the tests",
        ["kubectl -n claude-relay cp claude-relay-redis-0:/data/dump.rdb ~/relay-backup/dump.rdb"] = "nowhere: there is no cluster either",
        ["mv appendonlydir appendonlydir.broken"] = "RedisFailureTests",
        ["mkdir appendonlydir && cp ~/relay-backup/dump.rdb appendonlydir/appendonly.aof.1.base.rdb"] = "RedisFailureTests",
        ["echo 'file appendonly.aof.1.base.rdb seq 1 type b' > appendonlydir/appendonly.aof.manifest"] = "RedisFailureTests",
        ["./test.sh"] = "what runs this test",
        ["./test.sh --fast"] = "runs a part of what runs this test",
        ["./test.sh --all"] = "what runs this test",
        ["./test.sh --long"] = "what runs this test, at full length",
        ["deploy/check.sh"] = "the workflow test.yml",
        ["./test.sh -- -class '*KeyTests'"] = "what runs this test, with an argument of the runner's",
    };

    public static TheoryData<string> Documents => ["README.md", "CONTRIBUTING.md", "docs/operations.md"];

    [OnlyWithAll]
    [Theory(Timeout = 120_000)]
    [MemberData(nameof(Documents))]
    public async Task Every_command_works_as_it_stands_there(string document)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(TestMachine.Root, document), TestContext.Current.CancellationToken);
        var lines = Lines(text).ToList();
        lines.Should().NotBeEmpty();
        var script = string.Concat(lines.Where(line => !RunElsewhere.ContainsKey(WithoutComment(line))).Select(line => line + "\n"));
        if (string.IsNullOrWhiteSpace(script))
        {
            return;
        }

        await using var relay = await FakeRelay.StartAsync(
            new FakeScript { Answer = "Goethe.", StructuredOutput = """{"city":"Paris","people":2100000}""" }
        );
        using var home = new TemporaryDirectory();
        // The address the documents name is this relay's here; so is the home, which they know as its default.
        Directory.CreateDirectory(Path.Combine(home.Path, ".local", "share"));
        File.CreateSymbolicLink(Path.Combine(home.Path, ".local", "share", "claude-relay"), relay.Program.Home);
        await File.WriteAllTextAsync(
            Path.Combine(relay.Program.Home, "config.env"),
            "CLAUDE_AUTH=bedrock\nAWS_REGION=of-a-test\n",
            TestContext.Current.CancellationToken
        );
        var address = relay.Program.Http.BaseAddress!.Authority;
        script = script
            .Replace("127.0.0.1:8799", address, StringComparison.Ordinal)
            .Replace("curl ", "curl --fail-with-body -sS ", StringComparison.Ordinal);
        script = $"set -euo pipefail\nrelayctl() {{ ./bin/relayctl \"$@\"; }}\n{script}";

        var (code, output) = await RunAsync(
            "bash",
            ["-c", script],
            [
                ("HOME", home.Path),
                ("RELAY_HOME", relay.Program.Home),
                ("SANDBOX", "off"),
                ("CLAUDE_BIN", Path.Combine(relay.Directory, "claude")),
                ("PORT", address.Split(':')[1]),
            ]
        );

        code.Should().Be(0, output);
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_example_of_tools_gets_a_call_as_it_stands_there()
    {
        await using var relay = new RealRelay();
        await relay.InitializeAsync();
        relay.Api.When("weather in Bonn", new Behavior { ToolCalls = [ToolCall.Of("weather", """{"city":"Bonn"}""")] });
        var document = Path.Combine(TestMachine.Root, "docs", "compatibility.md");
        var script = string.Join('\n', Lines(await File.ReadAllTextAsync(document, TestContext.Current.CancellationToken)))
            .Replace("http://127.0.0.1:8799", relay.Url, StringComparison.Ordinal)
            .Replace("curl ", "curl --fail-with-body -sS ", StringComparison.Ordinal);

        var (code, output) = await RunAsync("bash", ["-c", $"set -euo pipefail\n{script}"], [("KEY", relay.Key)]);

        code.Should().Be(0, output);
        output.Should().Contain("\"finish_reason\":\"tool_calls\"").And.Contain("Bonn");
    }

    [Fact]
    public void Commands_that_other_tests_run_stand_in_a_document()
    {
        var commands = Documents
            .SelectMany(document => Lines(File.ReadAllText(Path.Combine(TestMachine.Root, document.Data))))
            .Select(WithoutComment);

        RunElsewhere.Keys.Should().BeSubsetOf(commands);
    }

    [Fact(Timeout = 120_000)]
    public async Task Run_sh_starts_a_relay_and_stops_it()
    {
        using var home = new TemporaryDirectory();
        using var script = Start(
            Path.Combine(TestMachine.Root, "run.sh"),
            ["--port", "0"],
            [("RELAY_HOME", home.Path), ("SANDBOX", "off"), ("CLAUDE_BIN", "/nonexistent/claude")]
        );
        var lines = new List<string>();
        while (!lines.Exists(line => line.Contains("claude-relay listens on", StringComparison.Ordinal)))
        {
            lines.Add(
                await script.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)
                    ?? throw new InvalidOperationException(string.Join('\n', lines))
            );
        }

        TestMachine.Signal(script.Id, System.Runtime.InteropServices.PosixSignal.SIGTERM);

        await script.WaitForExitAsync(TestContext.Current.CancellationToken);
        script.ExitCode.Should().Be(0);
    }

    [OnlyWithAll]
    [Fact(Timeout = 120_000)]
    public async Task The_demo_shows_a_completion_of_the_real_cli_and_cleans_up()
    {
        using var script = Start(
            Path.Combine(TestMachine.Root, "run.sh"),
            ["--demo"],
            [("PORT", "0"), ("CLAUDE_BIN", TestMachine.RealClaude)]
        );
        var lines = new List<string>();
        while (!lines.Exists(line => line.StartsWith("{\"ok\":true", StringComparison.Ordinal)))
        {
            lines.Add(
                await script.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken)
                    ?? throw new InvalidOperationException(
                        $"{string.Join('\n', lines)}\n{await script.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)}"
                    )
            );
        }

        var children = TestMachine.DescendantsOf(script.Id);
        children.Should().NotBeEmpty();
        TestMachine.Signal(script.Id, System.Runtime.InteropServices.PosixSignal.SIGTERM);

        await script.WaitForExitAsync(TestContext.Current.CancellationToken);
        await TestMachine.EventuallyAsync(
            () => !children.Any(TestMachine.IsRunning),
            TimeSpan.FromSeconds(10),
            "the demo left processes behind"
        );
    }

    /// <summary>The lines of all blocks, those that go on joined to what they go on with.</summary>
    private static IEnumerable<string> Lines(string document) =>
        Block()
            .Matches(document)
            .SelectMany(match => match.Groups["commands"].Value.Replace("\\\n", string.Empty, StringComparison.Ordinal).Split('\n'));

    /// <summary>A command without what is said about it.</summary>
    private static string WithoutComment(string line) => line.Split(" #", 2)[0].TrimEnd();

    private static async Task<(int Code, string Output)> RunAsync(
        string program,
        string[] arguments,
        (string Name, string Value)[] environment
    )
    {
        using var process = Start(program, arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, $"{await output}\n{await error}");
    }

    private static Process Start(string program, string[] arguments, (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            WorkingDirectory = TestMachine.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    [GeneratedRegex(
        @"^```bash\n(?<commands>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Block();
}
