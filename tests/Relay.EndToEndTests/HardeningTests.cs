using System.Diagnostics;
using System.Globalization;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>Nobody reads prompts out of the relay's memory: no dump, no debugger, no diagnostics port.</summary>
public sealed class HardeningTests
{
    /// <summary>A login session that allows core dumps, in which the relay is started.</summary>
    private static readonly string[] WithCoreDumps =
    [
        "/bin/sh",
        "-c",
        "ulimit -c unlimited 2>/dev/null || ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"",
        "sh",
    ];

    [Fact(Timeout = 120_000)]
    public async Task No_core_is_dumped_of_the_relay_or_its_children()
    {
        using var fake = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(fake.Path, new FakeScript());
        await using var relay = await RelayProgram.StartAsync(
            [("CLAUDE_BIN", claude), ("CLAUDE_AUTH", "bedrock"), ("AWS_REGION", "of-a-test"), ("SANDBOX", "off"), ("WARM_PROCESSES", "1")],
            wrapper: WithCoreDumps
        );
        await TestMachine.EventuallyAsync(() => relay.Children.Count > 0, TimeSpan.FromSeconds(5), "there is no spare");

        foreach (var process in (int[])[relay.ProcessId, .. TestMachine.DescendantsOf(relay.ProcessId)])
        {
            TestMachine.LimitOf(process, "Max core file size").Should().Be("1 1", TestMachine.CommandLineOf(process));
        }
    }

    [Fact(Timeout = 120_000)]
    public async Task A_user_who_may_dump_nothing_at_all_can_start_it_too()
    {
        using var home = new TemporaryDirectory();
        var asSomebody = OpenToSomebody(home.Path);

        await using var relay = await RelayProgram.StartAsync(
            [("RELAY_HOME", Path.Combine(home.Path, "relay")), ("HOME", home.Path), ("TMPDIR", home.Path), ("SANDBOX", "off")],
            waitUntilReady: false,
            wrapper: [.. asSomebody, "/bin/sh", "-c", "ulimit -c 0; exec \"$@\"", "sh"]
        );

        TestMachine.LimitOf(relay.ProcessId, "Max core file size").Should().Be("0 0");
    }

    [Fact(Timeout = 120_000)]
    public async Task A_relay_started_as_run_sh_does_has_no_diagnostics_port()
    {
        // The harness gives a relay the variables that run.sh exports.
        (await File.ReadAllTextAsync(Path.Combine(TestMachine.Root, "run.sh"), TestContext.Current.CancellationToken))
            .Should()
            .Contain("export DOTNET_EnableDiagnostics=0");
        await using var relay = await FakeRelay.StartAsync();

        DiagnosticPortsOf(relay.Program.ProcessId).Should().BeEmpty();
    }

    [Fact(Timeout = 180_000)]
    public async Task The_relays_memory_is_closed_to_other_programs_of_its_user()
    {
        // The kernel gives /proc/PID of a process that may not be dumped or traced to root, whatever its user. Seen only as
        // somebody else than root: a root that runs the tests starts the relay, and a program to compare, as nobody.
        using var home = new TemporaryDirectory();
        var asSomebody = OpenToSomebody(home.Path);
        await using var relay = await RelayProgram.StartAsync(
            [("RELAY_HOME", Path.Combine(home.Path, "relay")), ("HOME", home.Path), ("TMPDIR", home.Path), ("SANDBOX", "off")],
            waitUntilReady: false,
            wrapper: asSomebody
        );
        string[] compared = [.. asSomebody, "/bin/sleep", "30"];
        using var open = Process.Start(compared[0], compared[1..]);
        try
        {
            await TestMachine.EventuallyAsync(
                () => UserOf(open.Id) == UserOf(relay.ProcessId),
                TimeSpan.FromSeconds(5),
                "the two run as different users"
            );
            UserOf(relay.ProcessId).Should().NotBe(0);

            OwnerOf($"/proc/{open.Id}/mem").Should().Be(UserOf(open.Id), "an ordinary process is open to its own user");
            OwnerOf($"/proc/{relay.ProcessId}/mem").Should().Be(0);
            OwnerOf($"/proc/{relay.ProcessId}/environ").Should().Be(0);
        }
        finally
        {
            open.Kill();
        }
    }

    /// <summary>The command before a program that starts it as somebody else than root, who may write to the directory.</summary>
    private static string[] OpenToSomebody(string directory)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return [];
        }

        File.SetUnixFileMode(directory, (UnixFileMode)0b111_111_111);
        return ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    }

    private static string[] DiagnosticPortsOf(int processId) => Directory.GetFileSystemEntries("/tmp", $"dotnet-diagnostic-{processId}-*");

    private static int UserOf(int processId) =>
        int.Parse(
            File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2],
            CultureInfo.InvariantCulture
        );

    private static int OwnerOf(string path)
    {
        using var stat = Process.Start(
            new ProcessStartInfo("/usr/bin/stat", ["-c", "%u", path]) { RedirectStandardOutput = true, UseShellExecute = false }
        )!;
        var owner = stat.StandardOutput.ReadToEnd();
        stat.WaitForExit();
        return int.Parse(owner, CultureInfo.InvariantCulture);
    }
}
