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
        var start = new ProcessStartInfo("/bin/sh", ["-c", "/bin/sh -c 'read line' ; true"]) { RedirectStandardInput = true, UseShellExecute = false };
        var alone = new ProcessStartInfo("/bin/sh", ["-c", "read line"]) { RedirectStandardInput = true, UseShellExecute = false };
        using var two = ChildProcess.StartRaw(start);
        using var one = ChildProcess.StartRaw(alone);
        try
        {
            await Waiting.UntilAsync(() => ProcessMemory.ResidentBytes(two.Id) > ProcessMemory.ResidentBytes(one.Id), "the second shell counts");
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
    public void A_process_that_is_gone_holds_nothing() => ProcessMemory.ResidentBytes(int.MaxValue).Should().Be(0);
}
