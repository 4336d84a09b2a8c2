using System.Text.Json;
using Relay.FakeClaude;

namespace Relay.EndToEndTests.Harness;

/// <summary>A relay over its own fake CLI, with one key.</summary>
internal sealed class FakeRelay : IAsyncDisposable
{
    private FakeRelay(string directory) => Directory = directory;

    /// <summary>The directory in which the fake CLI lies and notes its processes.</summary>
    public string Directory { get; }

    /// <summary>The relay.</summary>
    public RelayProgram Program { get; private set; } = null!;

    /// <summary>A key that works; empty unless the relay was waited for.</summary>
    public string Key { get; private set; } = string.Empty;

    /// <summary>The fake's processes so far.</summary>
    public IReadOnlyList<int> Pids => FakeClaudeInstall.Pids(Directory);

    /// <summary>Those that still run, and the children they left. A number that went to another program meanwhile does not count.</summary>
    public IReadOnlyList<int> Survivors =>
        [
            .. Pids.Where(id => IsStill(id, Directory)),
            .. FakeClaudeInstall.GrandchildPids(Directory).Where(id => IsStill(id, "/bin/sleep 300")),
        ];

    /// <summary>Starts one, ready to serve and with a key.</summary>
    public static async Task<FakeRelay> StartAsync(FakeScript? script = null, params (string Name, string Value)[] settings)
    {
        var relay = new FakeRelay(TestMachine.NewDirectory());
        try
        {
            var claude = FakeClaudeInstall.Install(relay.Directory, script ?? new FakeScript());
            relay.Program = await RelayProgram.WithFakeClaudeAsync(claude, settings);
            relay.Key = await relay.Program.MintAsync("app");
            return relay;
        }
        catch
        {
            await relay.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one that can't be ready, and mints its key without using it.</summary>
    public static async Task<FakeRelay> StartUnreadyAsync(FakeScript script, params (string Name, string Value)[] settings)
    {
        var relay = new FakeRelay(TestMachine.NewDirectory());
        try
        {
            var claude = FakeClaudeInstall.Install(relay.Directory, script);
            relay.Program = await RelayProgram.StartAsync(
                [
                    ("CLAUDE_BIN", claude),
                    ("CLAUDE_AUTH", "bedrock"),
                    ("AWS_REGION", "of-a-test"),
                    ("SANDBOX", "off"),
                    ("WARM_PROCESSES", "0"),
                    ("WARM_PROFILES", "0"),
                    .. settings,
                ],
                waitUntilReady: false
            );
            relay.Key = await relay.Program.MintAsync("app");
            return relay;
        }
        catch
        {
            await relay.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sets the behaviour of processes that start from now on.</summary>
    public void Script(FakeScript script) => FakeClaudeInstall.Update(Directory, script);

    /// <summary>Asks with its key.</summary>
    public Task<RelayAnswer> AskAsync(string prompt = "hi", CancellationToken? cancellationToken = null) =>
        Program.CompleteAsync(Key, new { prompt }, cancellationToken);

    /// <summary>The codes of the problems in <c>/health/ready</c>.</summary>
    public async Task<IReadOnlyList<string>> ProblemCodesAsync() =>
        [
            .. (await Program.GetAsync("/health/ready"))
                .Json.GetProperty("problems")
                .EnumerateArray()
                .Select(problem => problem.GetProperty("code").GetString()!),
        ];

    /// <summary>Waits until none of the fake's processes runs, parked ones included.</summary>
    public Task NobodySurvivesAsync(TimeSpan? within = null) =>
        TestMachine.EventuallyAsync(
            () => Survivors.Count == 0,
            within ?? TimeSpan.FromSeconds(1.5),
            "a process of the fake CLI still runs"
        );

    /// <summary>Waits for an audit line.</summary>
    public async Task<JsonElement> AuditedAsync(Func<JsonElement, bool> wanted)
    {
        await TestMachine.EventuallyAsync(() => Program.Audit.Any(wanted), TimeSpan.FromSeconds(5), "the audit log has no such line");
        return Program.Audit.Last(wanted);
    }

    public async ValueTask DisposeAsync()
    {
        if (Program is not null)
        {
            await Program.DisposeAsync();
        }

        await NobodySurvivesAsync(TestMachine.UntilKernelIsDone); // A test may have killed the relay.
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private static bool IsStill(int processId, string commandLine)
    {
        try
        {
            return TestMachine.IsRunning(processId) && TestMachine.CommandLineOf(processId).Contains(commandLine, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // It ended in between.
        }
    }
}

/// <summary>One such relay for all tests of a class.</summary>
public abstract class FakeRelayFixture(params (string Name, string Value)[] settings) : IAsyncLifetime
{
    internal FakeRelay Relay { get; private set; } = null!;

    /// <summary>The first behaviour of the fake CLI.</summary>
    protected virtual FakeScript Script => new();

    public async ValueTask InitializeAsync() => Relay = await FakeRelay.StartAsync(Script, settings);

    public async ValueTask DisposeAsync()
    {
        if (Relay is not null)
        {
            await Relay.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }
}
