using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Relay.Infrastructure.Processes;

/// <summary>
/// Kills the children's process groups when the relay itself is killed with SIGKILL. It is a shell in its own session, with a list of
/// groups that it gets over a pipe. It acts when the pipe closes, which the kernel does however the relay ends. It exists on Linux and
/// macOS; elsewhere children end when their stdin closes.
/// </summary>
internal sealed class OrphanGuard(ILogger<OrphanGuard> logger) : IDisposable
{
    /// <summary>Reads lines <c>+ID</c> and <c>-ID</c>. At the end it kills every listed group (macOS: the one process).</summary>
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

    /// <summary>Adds a group, which then does not outlive the relay.</summary>
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

    /// <summary>Removes a group that is gone: its number may soon belong to another.</summary>
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

    /// <summary>Ends the shell, which kills the groups that are still listed.</summary>
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
                return; // A new shell got every group when it started.
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
