using System.Diagnostics;

namespace Relay.EndToEndTests.Harness;

/// <summary><c>relayctl</c> as an operator starts it.</summary>
internal static class RelayctlProcess
{
    /// <summary>Runs <c>relayctl</c> as a process, with further variables in its environment.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        (string Name, string Value)[] environment,
        string[] arguments
    )
    {
        using var process = Start(environment, arguments);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    /// <summary>Starts <c>relayctl</c>, whose standard input is at its end.</summary>
    public static Process Start((string Name, string Value)[] environment, string[] arguments)
    {
        var start = new ProcessStartInfo(TestMachine.DotNet, [TestMachine.ProgramOf("Relay.Cli", "relayctl"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in (IEnumerable<(string, string)>)[.. TestMachine.QuickStart, .. environment])
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }
}
