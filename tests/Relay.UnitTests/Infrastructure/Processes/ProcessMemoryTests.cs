using System.Diagnostics;
using Relay.Infrastructure.Processes;

namespace Relay.UnitTests.Infrastructure.Processes;

public sealed class ProcessMemoryTests
{
    [Fact]
    public void The_memory_of_a_process_counts()
    {
        using var self = Process.GetCurrentProcess();

        ProcessMemory.ResidentBytes(Environment.ProcessId).Should().BeGreaterThan(self.WorkingSet64 / 2);
    }

    [Fact]
    public async Task The_memory_of_what_it_started_counts_too()
    {
        // A shell that waits for another one, as a jail waits for the program in it.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "/bin/sh -c 'read line' ; true"])
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        var alone = new ProcessStartInfo("/bin/sh", ["-c", "read line"]) { RedirectStandardInput = true, UseShellExecute = false };
        using var two = ChildProcess.StartRaw(start);
        using var one = ChildProcess.StartRaw(alone);
        try
        {
            await Waiting.UntilAsync(
                () => ProcessMemory.ResidentBytes(two.Id) > ProcessMemory.ResidentBytes(one.Id),
                "the second shell counts"
            );
        }
        finally
        {
            two.StandardInput.Close();
            one.StandardInput.Close();
            two.WaitForExit();
            one.WaitForExit();
        }
    }

    [Fact]
    public async Task The_kernel_refuses_a_bounded_process_and_what_it_starts_more_memory()
    {
        const int more = 64_000_000;
        // tail keeps the last line of its input in memory: here all of it.
        const string needs200Megabytes = "head -c 200000000 /dev/zero | tail -n 1 | wc -c";
        (await AfterALineAsync(needs200Megabytes, _ => { })).Should().Be("200000000");

        (await AfterALineAsync(needs200Megabytes, shell => ProcessMemory.Bound(shell, more))).Should().Be("0");
    }

    [Fact]
    public void A_process_that_is_gone_can_be_bounded_without_harm() => ProcessMemory.Bound(int.MaxValue, 1);

    /// <summary>The output of a shell that runs a command after something was done to that shell.</summary>
    private static async Task<string> AfterALineAsync(string command, Action<int> prepare)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "read line; " + command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var shell = ChildProcess.StartRaw(start);
        prepare(shell.Id);
        shell.StandardInput.WriteLine();
        var output = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        return output.Trim();
    }

    [Fact]
    public void A_process_that_is_gone_holds_nothing() => ProcessMemory.ResidentBytes(int.MaxValue).Should().Be(0);
}
