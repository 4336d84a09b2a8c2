using System.Text.Json;
using FluentAssertions.Execution;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>
/// A hostile model calls every tool the CLI has or ever had. Nothing happens, and twice over: the relay ends the process at
/// the first tool call, and without the relay the launch alone makes every call fail.
/// </summary>
public sealed class LockdownTests : IClassFixture<LockdownTests.Relays>, IDisposable
{
    /// <summary>By default, two tools of each that many are called one by one. All are called at once in any case.</summary>
    private const int SampleEvery = 8;

    /// <summary>A message of the hostile model holds that many calls; with <c>--long</c> one. Each message ends a process.</summary>
    private const int CallsPerMessage = 4;

    private static readonly string[] Expected = ["/usr/bin/setsid ", "/usr/bin/bwrap ", "/claude "];

    private readonly Relays _relays;
    private readonly Canaries _canaries = new();

    public LockdownTests(Relays relays) => _relays = relays;

    /// <summary>Both ways to run.</summary>
    public static TheoryData<string> Modes => RelayPerSandbox.JailedUnlessAll;

    /// <inheritdoc/>
    public void Dispose() => _canaries.Dispose();

    [Theory, MemberData(nameof(Modes))]
    public async Task A_model_that_calls_a_tool_makes_nothing_happen_and_costs_one_call_of_the_API(string sandbox)
    {
        var (relay, key) = await _relays.StartedAsync(sandbox);
        var messages = RelayPerSandbox
            .SamplesOf(
                sandbox,
                Calls().Take(Extent.IsLong ? int.MaxValue : InTypings).Where((_, number) => Extent.IsAll || number % SampleEvery < 2)
            )
            .Chunk(Extent.IsLong ? 1 : CallsPerMessage)
            .ToList();
        foreach (var calls in messages)
        {
            _relays.Api.When(
                Marker(sandbox, calls[0].Name),
                new Behavior { ToolCalls = [.. calls.Select(call => ToolCall.Of(call.Name, call.Input))], ToolCallsForever = true }
            );
        }

        var intruders = new HashSet<string>(StringComparer.Ordinal);
        using var done = new CancellationTokenSource();
        var watching = WatchAsync(() => relay.Children, relay.ProcessId, intruders, done.Token);
        using var scope = new AssertionScope();
        await Parallel.ForEachAsync(
            messages,
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken },
            async (calls, _) =>
            {
                var name = calls[0].Name;
                var answer = await relay.CompleteAsync(
                    key,
                    new { prompt = $"Call the tool {Marker(sandbox, name)}", system = $"Use {name}." }
                );
                lock (scope)
                {
                    answer.Status.Should().Be(502, "the model called {0}", name);
                    answer.ErrorCode.Should().Be("upstream_error", "the model called {0}", name);
                }
            }
        );
        await done.CancelAsync();
        await watching;

        foreach (var calls in messages)
        {
            RequestsFor(Marker(sandbox, calls[0].Name)).Should().Be(1, "{0} is worth one call of the API", calls[0].Name);
        }

        intruders.Should().BeEmpty("only Claude Code itself may run");
        _canaries.Touched(_relays.Api).Should().BeEmpty();
    }

    [Theory, MemberData(nameof(Modes))]
    public async Task Endless_parallel_tool_calls_cost_one_call_of_the_API(string sandbox)
    {
        var (relay, key) = await _relays.StartedAsync(sandbox);
        _relays.Api.When(
            Marker(sandbox, "everything"),
            new Behavior { ToolCalls = [.. Calls().Select(call => ToolCall.Of(call.Name, call.Input))], ToolCallsForever = true }
        );

        var answer = await relay.CompleteAsync(key, new { prompt = Marker(sandbox, "everything") });

        answer.Status.Should().Be(502);
        answer.ErrorCode.Should().Be("upstream_error");
        relay
            .Log.Should()
            .NotContain(
                line => line.Contains("Lockdown violation", StringComparison.Ordinal),
                "one hostile answer is no reason to stop serving"
            );
        RequestsFor(Marker(sandbox, "everything")).Should().Be(1);
        _canaries.Touched(_relays.Api).Should().BeEmpty();
    }

    [Theory, MemberData(nameof(Modes))]
    public async Task Without_the_relays_help_every_tool_is_unknown_to_the_CLI_too(string sandbox)
    {
        // After --max-turns 1 a process calls the API no more, so one message has to hold all calls.
        var marker = Marker("bare " + sandbox, "everything");
        var calls = Calls().ToList();
        _relays.Api.When(
            marker,
            new Behavior { ToolCalls = [.. calls.Select(call => ToolCall.Of(call.Name, call.Input))], ToolCallsForever = true }
        );
        await using var claude = await BareClaude.StartAsync(_relays.Api, sandbox);
        await claude.InitializeAsync("You are a test.");
        var intruders = new HashSet<string>(StringComparer.Ordinal);
        using var done = new CancellationTokenSource();
        var watching = WatchAsync(() => TestMachine.DescendantsOf(claude.ProcessId), Environment.ProcessId, intruders, done.Token);

        var frames = await claude.AskAsync(marker);

        await done.CancelAsync();
        await watching;
        using var scope = new AssertionScope();
        var results = ToolResults(frames).ToList();
        results.Should().HaveCount(calls.Count);
        foreach (var (call, result) in calls.Zip(results))
        {
            result.Should().Contain($"No such tool available: {call.Name}");
        }

        frames[^1].GetProperty("subtype").GetString().Should().Be("error_max_turns");
        RequestsFor(marker).Should().Be(1);
        intruders.Should().BeEmpty("only Claude Code itself may run");
        _canaries.Touched(_relays.Api).Should().BeEmpty();
    }

    [OnlyWithAll]
    [Fact]
    public async Task The_canaries_notice_a_CLI_without_lockdown()
    {
        string[] open =
        [
            "-p",
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
            "--verbose",
            "--model",
            "opus",
            "--max-turns",
            "9",
            "--allowedTools",
            "Read,Write,Bash,Glob",
            "--add-dir",
            _canaries.Directory,
        ];
        await using var claude = await BareClaude.StartAsync(
            _relays.Api,
            "off",
            _ => open,
            variables => variables["PATH"] = "/usr/bin:/bin"
        );
        _relays.Api.When(
            "[open]",
            new Behavior
            {
                ToolCalls =
                [
                    .. Calls()
                        .Where(call => call.Name is "Read" or "Write" or "Bash" or "Glob")
                        .Select(call => ToolCall.Of(call.Name, call.Input)),
                ],
            }
        );

        await claude.AskAsync("[open]");

        _canaries.Touched(_relays.Api).Should().HaveCountGreaterThan(2);
        RequestsFor("open").Should().BeGreaterThan(1);
    }

    /// <summary>The relay under the hostile model.</summary>
    public sealed class Relays : RelayPerSandbox
    {
        internal override (string Name, string Value)[] Settings => [("WARM_PROCESSES", "1"), ("WARM_PROFILES", "0")];
    }

    private static string Marker(string sandbox, string name) => $"[{sandbox}:{name}]";

    private int RequestsFor(string marker) =>
        _relays.Api.Requests.Count(request => request.LastUserText.Contains(marker, StringComparison.Ordinal));

    private static IEnumerable<string> ToolResults(IEnumerable<JsonElement> frames) =>
        from frame in frames
        where frame.GetProperty("type").GetString() == "user"
        from block in frame.GetProperty("message").GetProperty("content").EnumerateArray()
        where block.GetProperty("type").GetString() == "tool_result"
        select block.GetProperty("content").ToString();

    private static async Task WatchAsync(
        Func<IReadOnlyList<int>> children,
        int starter,
        HashSet<string> intruders,
        CancellationToken cancellationToken
    )
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            // Between fork and exec a child still looks like its parent.
            intruders.UnionWith(children().Select(CommandLine).Where(command => !IsExpected(command) && command != CommandLine(starter)));
            await Task.Delay(20, CancellationToken.None);
        }
    }

    private static bool IsExpected(string command) =>
        command.Length == 0
        || Expected.Any(start => command.StartsWith(start, StringComparison.Ordinal))
        || command.StartsWith(TestMachine.RealClaude + " ", StringComparison.Ordinal);

    private static string CommandLine(int processId)
    {
        try
        {
            return TestMachine.CommandLineOf(processId);
        }
        catch (IOException)
        {
            return string.Empty; // It has ended.
        }
    }

    /// <summary>
    /// A call of every tool that 2.1.330 names and of others, each with an input that is valid for that tool and does harm.
    /// </summary>
    private IEnumerable<(string Name, string Input)> Calls() =>
        Inputs.Select(tool =>
            (
                tool.Name,
                tool.Input.Replace("READ", _canaries.Readable, StringComparison.Ordinal)
                    .Replace("WRITE", _canaries.Writable, StringComparison.Ordinal)
                    .Replace("FOLDER", _canaries.Directory, StringComparison.Ordinal)
                    .Replace("URL", _canaries.Url, StringComparison.Ordinal)
                    .Replace("COMMAND", _canaries.Command, StringComparison.Ordinal)
            )
        );

    /// <summary>The number of <see cref="Inputs"/> that stand in the typings.</summary>
    private const int InTypings = 44;

    private static readonly (string Name, string Input)[] Inputs =
    [
        // The inputs of sdk-tools.d.ts, the typings that 2.1.330 comes with.
        (
            "Agent",
            """{"description":"d","prompt":"Read READ and run COMMAND","subagent_type":"general-purpose","mode":"bypassPermissions"}"""
        ),
        ("Bash", """{"command":"COMMAND","description":"d","dangerouslyDisableSandbox":true}"""),
        ("ExitPlanMode", """{"allowedPrompts":[{"tool":"Bash","prompt":"COMMAND"}]}"""),
        ("Edit", """{"file_path":"READ","old_string":"CANARY","new_string":"edited","replace_all":true}"""),
        ("Read", """{"file_path":"READ"}"""),
        ("Write", """{"file_path":"WRITE","content":"x"}"""),
        ("Glob", """{"pattern":"**/*","path":"FOLDER"}"""),
        ("Grep", """{"pattern":"CANARY","path":"FOLDER","output_mode":"content"}"""),
        ("TaskStop", """{"task_id":"1"}"""),
        ("ListMcpResources", "{}"),
        ("RefreshMcpTools", """{"server":"s"}"""),
        ("Mcp", """{"server":"s","path":"READ"}"""),
        ("NotebookEdit", """{"notebook_path":"WRITE.ipynb","new_source":"x","cell_type":"code","edit_mode":"insert"}"""),
        ("ReadMcpResourceDir", """{"server":"s","uri":"file://FOLDER"}"""),
        ("ReadMcpResource", """{"server":"s","uri":"file://READ"}"""),
        ("ReportFindings", """{"findings":[{"file":"READ","summary":"s","failure_scenario":"f"}]}"""),
        ("TodoWrite", """{"todos":[{"content":"c","status":"pending","activeForm":"a"}]}"""),
        ("WebFetch", """{"url":"URL","prompt":"p"}"""),
        ("WebSearch", """{"query":"URL"}"""),
        (
            "AskUserQuestion",
            """{"questions":[{"question":"q?","header":"h","multiSelect":false,"options":[{"label":"a","description":"b"},{"label":"c","description":"d"}]}]}"""
        ),
        ("SendFeedback", """{"type":"bug","title":"t","details":"d"}"""),
        ("ClaudeDesign", """{"operation":"upload","arguments":{"file_path":"READ"}}"""),
        ("Projects", """{"method":"project_write","path":"x","local_path":"READ"}"""),
        ("EnterPlanMode", "{}"),
        ("TaskCreate", """{"subject":"s","description":"COMMAND"}"""),
        ("TaskGet", """{"taskId":"1"}"""),
        ("TaskUpdate", """{"taskId":"1","status":"completed"}"""),
        ("TaskList", "{}"),
        ("Workflow", """{"script":"require('child_process').execSync(`COMMAND`)","name":"n"}"""),
        ("CronCreate", """{"cron":"* * * * *","prompt":"run COMMAND","recurring":true,"durable":true}"""),
        ("CronDelete", """{"id":"1"}"""),
        ("CronList", "{}"),
        ("ScheduleWakeup", """{"delaySeconds":1,"reason":"r","prompt":"run COMMAND"}"""),
        ("RemoteTrigger", """{"action":"create","body":{"prompt":"COMMAND"}}"""),
        ("ShowOnboardingRolePicker", "{}"),
        ("OfferChromeSetup", """{"reason":"r"}"""),
        ("ReadNotifications", "{}"),
        ("Monitor", """{"description":"d","timeout_ms":1000,"command":"COMMAND"}"""),
        ("propose_skills", """{"proposals":[{"name":"n","kind":"new","description":"d","skillMd":"!`COMMAND`"}]}"""),
        ("ProposeGoal", """{"condition":"run COMMAND"}"""),
        ("Artifact", """{"action":"publish","file_path":"READ","favicon":"x","title":"t"}"""),
        ("PushNotification", """{"message":"m","status":"proactive"}"""),
        ("EnterWorktree", """{"name":"w","path":"FOLDER"}"""),
        ("ExitWorktree", """{"action":"remove","discard_changes":true}"""),
        // The rest of its list of built-in tools, and of their aliases.
        ("EndConversation", "{}"),
        ("ListAgents", "{}"),
        ("ListMcpResourcesTool", "{}"),
        ("LSP", """{"operation":"documentSymbol","filePath":"READ","line":1,"character":1}"""),
        ("PowerShell", """{"command":"COMMAND"}"""),
        ("ReadMcpResourceDirTool", """{"server":"s","uri":"file://FOLDER"}"""),
        ("ReadMcpResourceTool", """{"server":"s","uri":"file://READ"}"""),
        ("SendMessage", """{"to":"*","message":"m","summary":"s"}"""),
        ("SendUserFile", """{"files":["READ"],"caption":"c"}"""),
        ("SendUserMessage", """{"message":"m","attachments":["READ"],"status":"normal"}"""),
        ("SetGoal", """{"condition":"run COMMAND"}"""),
        ("ShareOnboardingGuide", "{}"),
        ("Skill", """{"skill":"update-config","args":"COMMAND"}"""),
        ("SubagentHandback", """{"message":"m"}"""),
        ("ToolSearch", """{"query":"select:Bash,Read","max_results":5}"""),
        ("WaitForMcpServers", "{}"),
        ("Task", """{"description":"d","prompt":"Read READ","subagent_type":"general-purpose"}"""),
        ("KillShell", """{"shell_id":"1"}"""),
        ("KillBash", """{"shell_id":"1"}"""),
        ("ListPeers", "{}"),
        ("Brief", """{"message":"m","attachments":["READ"]}"""),
        // Named elsewhere in the binary.
        ("StructuredOutput", """{"file":"READ"}"""),
        ("DeferredToolPlaceholder", "{}"),
        ("REPL", """{"code":"require('fs').writeFileSync('WRITE', require('fs').readFileSync('READ'))"}"""),
        ("AppifactRepl", """{"code":"require('fs').writeFileSync('WRITE','x')"}"""),
        ("ArtifactData", """{"action":"read","path":"READ"}"""),
        ("ListConnectors", "{}"),
        ("SuggestPluginInstall", """{"plugin":"p"}"""),
        ("Config", """{"setting":"permissions.defaultMode","value":"bypassPermissions"}"""),
        ("TaskOutput", """{"task_id":"1","block":true}"""),
        ("TeamCreate", """{"team_name":"t","description":"d"}"""),
        ("TeamDelete", "{}"),
        // Of older versions, and what a model might make up.
        ("BashOutput", """{"bash_id":"1"}"""),
        ("MultiEdit", """{"file_path":"READ","edits":[{"old_string":"CANARY","new_string":"edited"}]}"""),
        ("NotebookRead", """{"notebook_path":"READ"}"""),
        ("LS", """{"path":"FOLDER"}"""),
        ("SlashCommand", """{"command":"/init"}"""),
        ("bash", """{"command":"COMMAND"}"""),
        ("str_replace_based_edit_tool", """{"command":"create","path":"WRITE","file_text":"x"}"""),
        ("mcp__filesystem__read_file", """{"path":"READ"}"""),
        ("computer", """{"action":"screenshot"}"""),
    ];
}
