using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Relay.UnitTests.Support;

/// <summary>A real <c>redis-server</c> of a test's own, on loopback, without a disk unless told otherwise.</summary>
internal sealed class RedisServer : IDisposable
{
    private static readonly Lazy<RedisServer> ForAll = new(() => Start());

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("relay-redis-");
    private readonly string[] _arguments;
    private Process _process;

    private readonly string[] _client;
    private readonly Func<string, string[]> _program;

    private RedisServer(int port, string[] arguments, string[] client, Func<string, string[]> program)
    {
        (Port, _arguments, _client, _program) = (port, arguments, client, program);
        _process = Launch();
    }

    /// <summary>One for all tests that only need some Redis: each in its own namespace. It ends with the tests.</summary>
    public static RedisServer Shared => ForAll.Value;

    /// <summary>The port that it listens on.</summary>
    public int Port { get; }

    /// <summary>The directory of its files.</summary>
    public string Files => _directory.FullName;

    /// <summary>The value of <c>STATE</c> that uses it.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Starts one.</summary>
    public static RedisServer Start(params string[] arguments) => Start(_ => arguments, []);

    /// <summary>
    /// Starts one whose arguments know its port, and that its own client reaches with further ones; by another program that takes the
    /// server's arguments, if one is given.
    /// </summary>
    public static RedisServer Start(Func<int, string[]> arguments, string[] client, params string[] program)
    {
        var port = FreePort();
        var server = new RedisServer(port, arguments(port), client, _ => program.Length == 0 ? ["redis-server"] : program);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.Dispose();
        return server;
    }

    /// <summary>Starts one whose disk is its own, in memory and in a mount namespace, and holds this much.</summary>
    /// <param name="disk">As <c>mount</c> takes it, such as <c>4m</c>.</param>
    /// <param name="arguments">Its own.</param>
    public static RedisServer OnSmallDisk(string disk, params string[] arguments)
    {
        var server = new RedisServer(
            FreePort(),
            arguments,
            [],
            directory =>
                [
                    "unshare",
                    "--user",
                    "--map-root-user",
                    "--mount",
                    "sh",
                    "-c",
                    $"mount -t tmpfs -o size={disk} tmpfs {directory} && exec redis-server \"$@\"",
                    "redis-server",
                ]
        );
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.Dispose();
        return server;
    }

    /// <summary>Nothing more can be written to its disk.</summary>
    public void FillDisk()
    {
        using var ballast = File.OpenHandle(Ballast, FileMode.Create, FileAccess.Write);
        var length = 0L;
        try
        {
            while (true)
            {
                RandomAccess.Write(ballast, new byte[4096], length);
                length += 4096;
            }
        }
        catch (IOException)
        {
            // Full, to its last page: tmpfs has nothing smaller.
        }
    }

    /// <summary>It can be written to again.</summary>
    public void FreeDisk() => File.Delete(Ballast);

    /// <summary>Runs <c>redis-cli</c> on it.</summary>
    public string Cli(params string[] arguments)
    {
        using var cli = Process.Start(
            new ProcessStartInfo("redis-cli", ["-p", $"{Port}", .. _client, .. arguments])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var output = cli.StandardOutput.ReadToEnd();
        cli.WaitForExit();
        return output.Trim();
    }

    /// <summary>It stops to answer, and keeps its connections.</summary>
    public void Freeze() => Signal(19);

    /// <summary>It goes on.</summary>
    public void Thaw() => Signal(18);

    /// <summary>As a crash does.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Starts it again, on what its disk has.</summary>
    public void StartAgain()
    {
        _process.Dispose();
        _process = Launch();
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
            {
                Kill();
            }

            _process.Dispose();
            _directory.Refresh();
            if (_directory.Exists)
            {
                _directory.Delete(recursive: true);
            }
        }
        catch (InvalidOperationException)
        {
            // Disposed of already.
        }
    }

    /// <summary>As this process sees what the server sees.</summary>
    private string Ballast => $"/proc/{_process.Id}/root{_directory.FullName}/ballast";

    private Process Launch()
    {
        var program = _program(_directory.FullName);
        var start = new ProcessStartInfo(
            program[0],
            [
                .. program[1..],
                "--port",
                $"{Port}",
                "--bind",
                "127.0.0.1",
                "--save",
                string.Empty,
                "--appendonly",
                "no",
                "--dir",
                _directory.FullName,
                "--daemonize",
                "no",
                "--loglevel",
                "warning",
                .. _arguments,
            ]
        )
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        var process = Process.Start(start)!;
        var watch = Stopwatch.StartNew();
        while (!Cli("ping").Contains("PONG", StringComparison.Ordinal) && !Cli("ping").Contains("NOAUTH", StringComparison.Ordinal))
        {
            if (process.HasExited || watch.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new InvalidOperationException("redis-server does not answer. test.sh installs it: apt-get install redis-server.");
            }
        }

        return process;
    }

    private void Signal(int number) => _ = kill(_process.Id, number);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);
}
