using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Relay.EndToEndTests.Harness;

/// <summary>Places on the machine that runs the tests, and processes on it.</summary>
internal static class TestMachine
{
    /// <summary>The checkout.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The pinned real CLI, which <c>./test.sh</c> installs.</summary>
    public static string RealClaude =>
        Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_CLAUDE") is { Length: > 0 } path && File.Exists(path) ? path
        : Directory.Exists(Path.Combine(Root, ".tools"))
        && Directory.EnumerateFiles(Path.Combine(Root, ".tools"), "claude", SearchOption.AllDirectories).FirstOrDefault() is { } installed
            ? installed
        : throw new InvalidOperationException("The pinned Claude Code is not installed. Run ./test.sh, which installs it.");

    /// <summary>The directory of the JavaScript SDKs, with the scripts that use them.</summary>
    public static string Sdks =>
        Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_SDKS") is { Length: > 0 } path && Directory.Exists(path)
            ? path
            : throw new InvalidOperationException("The JavaScript SDKs are not installed. Run ./test.sh, which installs them.");

    /// <summary>The directory of <c>prometheus</c> and <c>promtool</c>.</summary>
    public static string Prometheus =>
        (
            (string?[])
                [
                    Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_PROMETHEUS"),
                    Path.Combine(Root, ".tools", "prometheus", "usr", "bin"),
                    "/usr/bin",
                ]
        ).FirstOrDefault(directory =>
            directory is { Length: > 0 }
            && File.Exists(Path.Combine(directory, "prometheus"))
            && File.Exists(Path.Combine(directory, "promtool"))
        ) ?? throw new InvalidOperationException("Prometheus is not installed. Run ./test.sh, which installs it.");

    /// <summary>The directory of the driver of a browser, with the scripts that use it.</summary>
    public static string BrowserTools =>
        Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_BROWSER") is { Length: > 0 } path && Directory.Exists(path)
            ? path
            : throw new InvalidOperationException("What drives a browser is not installed. Run ./test.sh, which installs it.");

    /// <summary>The directory of the second reader of Markdown, with the script that uses it.</summary>
    public static string Converters =>
        Environment.GetEnvironmentVariable("CLAUDE_RELAY_TEST_CONVERTERS") is { Length: > 0 } path && Directory.Exists(path)
            ? path
            : throw new InvalidOperationException("The converters of pages are not installed. Run ./test.sh, which installs them.");

    /// <summary>The browser that pages are tested in.</summary>
    public static string Chromium =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, "chromium"))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException(
            "There is no chromium on PATH. Run ./test.sh as root on a system with apt, which installs it, or install it yourself."
        );

    /// <summary>The built program of a project, as its users start it.</summary>
    public static string ProgramOf(string project, string assembly)
    {
        var configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.Combine(Root, "artifacts", "bin", project, configuration, assembly + ".dll");
    }

    /// <summary>A new, empty directory; the caller removes it.</summary>
    public static string NewDirectory() => Directory.CreateTempSubdirectory("claude-relay-test-").FullName;

    /// <summary>Whether a process runs. A zombie has ended; only its parent has not looked yet.</summary>
    public static bool IsRunning(int processId) => StatOf(processId) is { IsRunning: true };

    /// <summary>Soft and hard limit of a process by the name in <c>/proc/PID/limits</c>: <c>1 1</c>.</summary>
    public static string LimitOf(int processId, string name) =>
        string.Join(
            ' ',
            File.ReadLines($"/proc/{processId}/limits")
                .First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2]
        );

    /// <summary>Running descendants of a process.</summary>
    public static IReadOnlyList<int> DescendantsOf(int processId)
    {
        var children = Directory
            .EnumerateDirectories("/proc")
            .Select(directory => int.TryParse(Path.GetFileName(directory.AsSpan()), out var id) ? (Id: id, Stat: StatOf(id)) : default)
            .Where(process => process.Stat is not null)
            .ToLookup(process => process.Stat!.Value.Parent);
        var found = new List<int>();
        var parents = new Queue<int>([processId]);
        while (parents.TryDequeue(out var parent))
        {
            foreach (var (id, stat) in children[parent])
            {
                parents.Enqueue(id);
                if (stat!.Value.IsRunning)
                {
                    found.Add(id);
                }
            }
        }

        return found;
    }

    /// <summary>Resident memory of a process in bytes: now (<c>VmRSS</c>), or at its most (<c>VmHWM</c>).</summary>
    public static long MemoryOf(int processId, string what = "VmRSS") =>
        long.Parse(
            File.ReadLines($"/proc/{processId}/status")
                .First(line => line.StartsWith(what + ":", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]
        ) * 1024;

    /// <summary>The command line of a process, its arguments separated by blanks.</summary>
    public static string CommandLineOf(int processId) => File.ReadAllText($"/proc/{processId}/cmdline").Replace('\0', ' ');

    /// <summary>
    /// Settings of the runtime that no test is about, because tests start hundreds of processes. Without the guard of compiled
    /// code a start costs a fifth less. Compiling anew, and better, the code that has run often takes as much of a short life again.
    /// </summary>
    public static readonly (string Name, string Value)[] QuickStart =
    [
        ("DOTNET_EnableWriteXorExecute", "0"),
        ("DOTNET_TC_CallCounting", "0"),
    ];

    /// <summary>The <c>dotnet</c> that runs these tests.</summary>
    public static string DotNet { get; } =
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? path
            : Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    /// <summary>The kernel ends the children of a killed relay, and frees gigabytes of mappings while other tests use both cores.</summary>
    public static readonly TimeSpan UntilKernelIsDone = TimeSpan.FromSeconds(5);

    /// <summary>Waits until something holds; fails with a sentence when it does not in time.</summary>
    public static async Task EventuallyAsync(Func<bool> condition, TimeSpan within, string otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (watch.Elapsed > within)
            {
                throw new TimeoutException($"After {within.TotalSeconds} s: {otherwise}");
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Sends a signal to one process.</summary>
    public static void Signal(int processId, PosixSignal signal) =>
        Run(
            "/bin/kill",
            signal == PosixSignal.SIGTERM ? "-TERM"
                : signal == PosixSignal.SIGINT ? "-INT"
                : throw new ArgumentOutOfRangeException(nameof(signal)),
            processId.ToString()
        );

    /// <summary>Kills one process, as the kernel would.</summary>
    public static void Kill(int processId) => Run("/bin/kill", "-KILL", processId.ToString());

    /// <summary>Sends one SIGABRT.</summary>
    public static void SignalAbort(int processId) => Run("/bin/kill", "-ABRT", processId.ToString());

    /// <summary>
    /// Ends a .NET process as its own <c>abort()</c> does. The runtime takes the first SIGABRT, gives the signal its default action back
    /// and goes on: only the second one ends the process.
    /// </summary>
    public static async Task AbortAsync(int processId)
    {
        while (IsRunning(processId))
        {
            SignalAbort(processId);
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
    }

    /// <summary>
    /// The parent of a process, and whether it runs; null when it has ended. Tests ask every few milliseconds, so it reads no more than it
    /// needs.
    /// </summary>
    private static (int Parent, bool IsRunning)? StatOf(int processId)
    {
        // "123 (name) S 1 ...": a name has at most 64 bytes, and may hold blanks and brackets.
        Span<byte> stat = stackalloc byte[160];
        try
        {
            using var file = File.OpenHandle($"/proc/{processId}/stat");
            stat = stat[..RandomAccess.Read(file, stat, 0)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        if (stat.LastIndexOf((byte)')') is not (> 0 and var nameEnd))
        {
            return null;
        }

        var fields = stat[(nameEnd + 2)..];
        return int.TryParse(fields[2..(2 + fields[2..].IndexOf((byte)' '))], out var parent)
            ? (parent, fields[0] is not ((byte)'Z' or (byte)'X'))
            : null;
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "ClaudeRelay.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException("The tests run from within a checkout.");
    }
}
