using System.Diagnostics;

namespace Relay.Infrastructure.Processes;

/// <summary>A child that a person talks to: it has this program's terminal, and no group of its own, so that Ctrl-C reaches it.</summary>
internal static class InteractiveProcess
{
    /// <summary>Whether standard input is a terminal.</summary>
    public static bool HasTerminal => OperatingSystem.IsWindows() || NativeMethods.IsTerminal();

    /// <summary>Runs one to its end.</summary>
    /// <param name="spec">What to run; its environment is the whole environment.</param>
    /// <param name="cancellationToken">Kills it.</param>
    /// <returns>Its exit code.</returns>
    /// <exception cref="System.ComponentModel.Win32Exception">The executable can't be run.</exception>
    public static async Task<int> RunAsync(ProcessSpec spec, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(spec.FileName, spec.Arguments)
        {
            WorkingDirectory = spec.WorkingDirectory,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (var (name, value) in spec.Environment)
        {
            start.Environment[name] = value;
        }

        using var process = ChildProcess.StartRaw(start);
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return process.ExitCode;
    }
}
