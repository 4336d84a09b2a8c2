using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// A child and its three pipes: the port behind which unit tests put one that is no process. Disposing of it ends it with all that it
/// started.
/// </summary>
internal interface IChildProcess : IAsyncDisposable
{
    /// <summary>Process id.</summary>
    int Id { get; }

    /// <summary>Its input.</summary>
    Stream Stdin { get; }

    /// <summary>Its output, line by line.</summary>
    LineReader Stdout { get; }

    /// <summary>The end of its complaints.</summary>
    StderrTail Stderr { get; }

    /// <summary>Completes when the process (not all of its group) has ended.</summary>
    Task Exited { get; }

    /// <summary>Its exit code, once <see cref="Exited"/> has completed; null before.</summary>
    int? ExitCode { get; }

    /// <summary>Bytes of memory that it and all that it started hold now; 0 where the system does not tell.</summary>
    long ResidentBytes { get; }

    /// <summary>Has the kernel refuse it and all that it started more memory than so many bytes beside what they have mapped now.</summary>
    void BoundMemory(long moreBytes);

    /// <summary>Kills it and all that it started, without asking.</summary>
    void Kill();
}

/// <summary>
/// A running child with a process group of its own, three pipes, and an end that can't be escaped: asked first, killed
/// after a grace, with everything it started.
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

    /// <summary>Where its input goes.</summary>
    public Stream Stdin { get; }

    /// <summary>Where its output comes from.</summary>
    public LineReader Stdout { get; }

    /// <summary>The end of what it complained about.</summary>
    public StderrTail Stderr { get; }

    /// <summary>Completes when the process (not all of its group) has ended.</summary>
    public Task Exited => _exit;

    /// <summary>Its exit code, once <see cref="Exited"/> has completed; null before.</summary>
    public int? ExitCode => _exit.IsCompletedSuccessfully ? _exit.Result : null;

    /// <summary>
    /// Starts a child. To be called from <see cref="ProcessStarter"/>'s thread only, for a jail dies with the thread that
    /// started it.
    /// </summary>
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

    /// <summary>Closes stdin, asks, kills: the whole group is gone when this completes, within half a second or so.</summary>
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
            // Once all of the group is gone, its number may be another's.
            if (_stop is not { IsCompleted: true })
            {
                SignalAll(NativeMethods.SigKill);
            }
        }
    }

    /// <inheritdoc/>
    public long ResidentBytes => Exited.IsCompleted ? 0 : ProcessMemory.ResidentBytes(Id);

    /// <inheritdoc/>
    public void BoundMemory(long moreBytes)
    {
        if (!Exited.IsCompleted)
        {
            ProcessMemory.Bound(Id, moreBytes);
        }
    }

    /// <summary>Same as <see cref="StopAsync"/>.</summary>
    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>
    /// On Linux puts <c>setsid</c> before the command: the child leads its own group, so that all of it can be killed, and
    /// a Ctrl-C in the relay's terminal does not reach it.
    /// </summary>
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

#pragma warning disable RS0030 // The one place in the solution that starts a process.
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
                // Its end of the pipe is closed already: nothing to flush to.
            }

            if (!await ExitsWithinAsync(CloseGrace))
            {
                SignalAll(NativeMethods.SigTerm);
                await ExitsWithinAsync(TermGrace);
            }

            // Also after a polite exit: what it started may still be there, holding our pipes.
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

    /// <summary>Known for good: the process object forgets it when it is disposed of.</summary>
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

        // There is no group: for the first millisecond of a child, until setsid has made it, and on systems without
        // setsid. There the tree is all there is; it is read at this moment. Neither has a polite form.
        if (signal == NativeMethods.SigKill && !Exited.IsCompleted)
        {
            try
            {
                _process.Kill(entireProcessTree: !OwnSession);
            }
            catch (InvalidOperationException)
            {
                // It ended in between.
            }
        }
    }
}
