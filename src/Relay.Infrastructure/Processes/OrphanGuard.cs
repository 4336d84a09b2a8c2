using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// Kills the children's process groups when the relay itself is killed with SIGKILL and can't. It is a shell in a
/// session of its own that keeps a list of groups, told over a pipe, and acts when the pipe closes, which the kernel does
/// for us however the relay ends. Linux and macOS; elsewhere children end when their stdin closes.
/// </summary>
internal sealed class OrphanGuard(ILogger<OrphanGuard> logger) : IDisposable
{
    /// <summary>
    /// Lines <c>+ID</c> and <c>-ID</c> come in; at the end every group still listed is killed, or the one process where it has
    /// no group of its own (macOS).
    /// </summary>
    private const string Script = """
        trap '' INT TERM HUP
        groups=
        while read -r line; do
          case $line in
            +*) groups="$groups ${line#+}" ;;
            -*) rest=; for group in $groups; do [ "$group" = "${line#-}" ] || rest="$rest $group"; done; groups=$rest ;;
          esac
        done
        for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null || kill -s KILL "$group" 2>/dev/null; done
        """;

    private readonly Lock _lock = new();
    private readonly HashSet<int> _groups = [];
    private Process? _shell;

    /// <summary>From now on the group does not outlive the relay.</summary>
    public void Watch(int groupId)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        lock (_lock)
        {
            _groups.Add(groupId);
            Tell($"+{groupId.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    /// <summary>The group is gone; its number may be another's soon.</summary>
    public void Forget(int groupId)
    {
        lock (_lock)
        {
            if (_groups.Remove(groupId))
            {
                Tell($"-{groupId.ToString(CultureInfo.InvariantCulture)}");
            }
        }
    }

    /// <summary>Ends the shell, which kills what is still listed.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _shell?.StandardInput.Close();
            _shell?.Dispose();
            _shell = null;
        }
    }

    private void Tell(string line)
    {
        try
        {
            if (_shell is null)
            {
                StartShell();
                return; // It was told every group when it started.
            }

            Write(_shell, line);
        }
        catch (IOException)
        {
            logger.LogWarning("The guard against orphaned processes ended; starting another");
            _shell?.Dispose();
            StartShell();
        }
    }

    private void StartShell()
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/bin:/bin";
        ChildProcess.InOwnSession(start, ["-c", Script]);
        _shell = ChildProcess.StartRaw(start);
        foreach (var group in _groups)
        {
            Write(_shell, $"+{group.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    private static void Write(Process shell, string line)
    {
        shell.StandardInput.BaseStream.Write(Encoding.ASCII.GetBytes(line + "\n"));
        shell.StandardInput.BaseStream.Flush();
    }
}
