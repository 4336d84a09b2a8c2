using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// A running child with its own process group and three pipes, which it can't outlive: it is asked to end, and killed after a grace with
/// everything that it started.
/// </summary>
internal sealed class ChildProcess : IChildProcess
{
    private static readonly TimeSpan CloseGrace = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan TermGrace = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan KillBound = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly OrphanGuard _guard;
    private readonly ILogger _logger;
    private readonly TimeProvider _clock;
    private readonly Lock _stopLock = new();
    private readonly Task<int> _exit;

    private Task? _stop;

    private ChildProcess(Process process, OrphanGuard guard, int maxLineBytes, ILogger logger, TimeProvider clock)
    {
        (_process, _guard, _logger, _clock) = (process, guard, logger, clock);
        Id = process.Id;
        Stdin = process.StandardInput.BaseStream;
        Stdout = new LineReader(process.StandardOutput.BaseStream, maxLineBytes, clock);
        Stderr = StderrTail.Drain(process.StandardError.BaseStream);
        _exit = ReadExitCodeAsync(process);
    }

    /// <summary>Process id, and on Linux the id of its group and session.</summary>
    public int Id { get; }

    public Stream Stdin { get; }

    public LineReader Stdout { get; }

    public StderrTail Stderr { get; }

    public Task Exited => _exit;

    public int? ExitCode => _exit.IsCompletedSuccessfully ? _exit.Result : null;

    /// <summary>Only <see cref="ProcessStarter"/>'s thread may call it, because a jail ends with the thread that started it.</summary>
    public static ChildProcess Start(ProcessSpec spec, OrphanGuard guard, int maxLineBytes, ILogger logger, TimeProvider clock)
    {
        var start = new ProcessStartInfo(spec.FileName)
        {
            WorkingDirectory = spec.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (var (name, value) in spec.Environment)
        {
            start.Environment[name] = value;
        }

        InOwnSession(start, spec.Arguments);
        var child = new ChildProcess(StartRaw(start), guard, maxLineBytes, logger, clock);
        guard.Watch(child.Id);
        ProcessMemory.EndFirst(child.Id);
        return child;
    }

    /// <summary>Closes stdin, asks the child to end, and kills it. The whole group is gone within half a second or so.</summary>
    public Task StopAsync()
    {
        lock (_stopLock)
        {
            return _stop ??= StopOnceAsync();
        }
    }

    /// <summary>Kills the group without asking; <see cref="StopAsync"/> does the rest.</summary>
    public void Kill()
    {
        lock (_stopLock)
        {
            // Once the whole group is gone, its number may belong to another.
            if (_stop is not { IsCompleted: true })
            {
                SignalAll(NativeMethods.SigKill);
            }
        }
    }

    public long ResidentBytes => Exited.IsCompleted ? 0 : ProcessMemory.ResidentBytes(Id);

    public void BoundMemory(long moreBytes)
    {
        if (!Exited.IsCompleted)
        {
            ProcessMemory.Bound(Id, moreBytes);
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>Puts <c>setsid</c> first on Linux: the child's group can be killed as a whole, and gets no Ctrl-C.</summary>
    internal static void InOwnSession(ProcessStartInfo start, IEnumerable<string> arguments)
    {
        if (OwnSession)
        {
            start.ArgumentList.Add(start.FileName);
            start.FileName = SetSid;
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
    }

#pragma warning disable RS0030 // The only place in the solution that starts a process.
    internal static Process StartRaw(ProcessStartInfo start) =>
        Process.Start(start) ?? throw new InvalidOperationException("The process was not started.");
#pragma warning restore RS0030

    private const string SetSid = "/usr/bin/setsid";

    private static bool OwnSession { get; } = OperatingSystem.IsLinux() && File.Exists(SetSid);

    private async Task StopOnceAsync()
    {
        try
        {
            try
            {
                await Stdin.DisposeAsync();
            }
            catch (IOException)
            {
                // The other end of the pipe is closed already: there is nothing to flush to.
            }

            if (!await ExitsWithinAsync(CloseGrace))
            {
                SignalAll(NativeMethods.SigTerm);
                await ExitsWithinAsync(TermGrace);
            }

            // Also after a polite exit: its descendants may still hold our pipes.
            SignalAll(NativeMethods.SigKill);
            if (!await ExitsWithinAsync(KillBound))
            {
                _logger.LogError("Process {ProcessId} survived SIGKILL for {Seconds} s", Id, KillBound.TotalSeconds);
            }
        }
        finally
        {
            _guard.Forget(Id);
            await Stdout.DisposeAsync();
            _process.StandardError.Dispose();
            _process.Dispose();
        }
    }

    private async Task<bool> ExitsWithinAsync(TimeSpan time)
    {
        try
        {
            await Exited.WaitAsync(time, _clock);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Reads the exit code, because the process object forgets it when it is disposed of.</summary>
    private static async Task<int> ReadExitCodeAsync(Process process)
    {
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    private void SignalAll(int signal)
    {
        if (OwnSession && NativeMethods.SignalGroup(Id, signal))
        {
            return;
        }

        // There is no group in the first millisecond of a child, before setsid has made it, and on systems without setsid. The process
        // tree as of now takes its place. It can't be asked to end.
        if (signal == NativeMethods.SigKill && !Exited.IsCompleted)
        {
            try
            {
                _process.Kill(entireProcessTree: !OwnSession);
            }
            catch (InvalidOperationException)
            {
                // The child ended meanwhile.
            }
        }
    }
}
