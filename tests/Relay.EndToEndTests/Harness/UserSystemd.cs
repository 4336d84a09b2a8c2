using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// A machine with a <c>systemd --user</c> and nothing installed, and its one user, who is not root: in its own namespaces (Linux, as
/// root). It shares the network with the tests, and its user's home is a directory of theirs.
/// </summary>
internal sealed class UserSystemd : IAsyncDisposable
{
    /// <summary>The path at which the user finds the home.</summary>
    public const string InsideHome = "/home/relay-test";

    private const string Uid = "54321";

    private readonly Process _machine;
    private int _inside;

    private UserSystemd(Process machine, string home) => (_machine, Home) = (machine, home);

    /// <summary>The user's home, as the tests find it.</summary>
    public string Home { get; }

    /// <summary>All processes of the machine, as this one numbers them.</summary>
    public IReadOnlyList<int> Processes => TestMachine.DescendantsOf(_machine.Id);

    /// <summary>Starts the machine.</summary>
    public static async Task<UserSystemd> StartAsync()
    {
        var home = TestMachine.NewDirectory();
        var script = Path.Combine(TestMachine.Root, "tests", "Relay.EndToEndTests", "Harness", "user-systemd.sh");
        var start = new ProcessStartInfo(
            "unshare",
            ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", script, Uid, home, TestMachine.Root]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var machine = new UserSystemd(Process.Start(start)!, home);
        var said = machine._machine.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await machine.BelongsToUserAsync();
            await TestMachine.EventuallyAsync(
                () => machine.FindInside() || machine._machine.HasExited,
                TimeSpan.FromSeconds(20),
                "the machine does not start"
            );
            var watch = Stopwatch.StartNew();
            while ((await machine.RunAsync("systemctl", "--user", "is-system-running")).Output.Trim() != "running")
            {
                if (machine._machine.HasExited || watch.Elapsed > TimeSpan.FromSeconds(20))
                {
                    throw new InvalidOperationException(
                        "No systemd --user could be started: this needs root, systemd and dbus-user-session. "
                            + (machine._machine.HasExited ? await said : string.Empty)
                    );
                }

                await Task.Delay(50, TestContext.Current.CancellationToken);
            }

            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>A port that nobody listens on.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Gives everything in the home to the user.</summary>
    public async Task BelongsToUserAsync()
    {
        using var chown = Process.Start("chown", ["-R", $"{Uid}:{Uid}", Home]);
        await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Starts a program as the user, with the environment of a fresh login.</summary>
    public Process Start(params string[] command)
    {
        var start = new ProcessStartInfo(
            "nsenter",
            [
                "-t",
                _inside.ToString(),
                "-m",
                "-p",
                "setpriv",
                "--reuid",
                Uid,
                "--regid",
                Uid,
                "--clear-groups",
                "env",
                "-i",
                "-C",
                InsideHome,
                "HOME=" + InsideHome,
                "PATH=/usr/bin:/bin",
                "XDG_RUNTIME_DIR=/run/user/" + Uid,
                .. command,
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Runs a program as the user.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(params string[] command)
    {
        using var process = Start(command);
        return await EndOfAsync(process);
    }

    /// <summary>Waits for a program that <see cref="Start"/> started. What it wrote to stdout is before what it wrote to stderr.</summary>
    public static async Task<(int ExitCode, string Output)> EndOfAsync(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>A property of a unit.</summary>
    public async Task<string> PropertyAsync(string property) =>
        (await RunAsync("systemctl", "--user", "show", "claude-relay", "-p", property, "--value")).Output.Trim();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _machine.StandardInput.Close();
        await _machine.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(20));
        _machine.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    private bool FindInside()
    {
        _inside = TestMachine.DescendantsOf(_machine.Id) is [var first, ..] ? first : 0;
        return _inside != 0;
    }
}
