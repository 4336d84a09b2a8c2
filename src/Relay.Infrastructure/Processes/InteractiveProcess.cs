using System.Diagnostics;

namespace Relay.Infrastructure.Processes;

/// <summary>A child that a person talks to, in this program's terminal and group, so that Ctrl-C reaches it.</summary>
internal static class InteractiveProcess
{
    public static bool HasTerminal => OperatingSystem.IsWindows() || NativeMethods.IsTerminal();

    /// <summary>Runs a child to its end, with the command's environment as the whole one. Cancelling kills it.</summary>
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
