using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Relay.Bench;

/// <summary>A server under measurement, in its own process, with its CPU time and memory.</summary>
internal sealed partial class Child : IAsyncDisposable
{
    private const double TicksPerSecond = 100;

    private readonly Process _process;
    private readonly List<string> _lines = [];

    private Child(Process process) => _process = process;

    public int Id => _process.Id;

    public Uri Address { get; private set; } = null!;

    /// <summary>The lines that it wrote to stdout.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>CPU seconds that anything on this machine has used: what is in a jail is counted nowhere else.</summary>
    public static double MachineCpuSeconds
    {
        get
        {
            var ticks = File.ReadLines("/proc/stat")
                .First()
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
                .Select(double.Parse)
                .ToArray();
            var (user, nice, system, irq, softIrq) = (ticks[0], ticks[1], ticks[2], ticks[5], ticks[6]);
            return (user + nice + system + irq + softIrq) / TicksPerSecond;
        }
    }

    /// <summary>Resident memory of the process itself, in MB.</summary>
    public double ResidentMegabytes => Kilobytes($"/proc/{Id}/status", "VmRSS:") / 1000;

    /// <summary>The environment of any claude of a benchmark.</summary>
    public static Dictionary<string, string> Environment(string api, string home) =>
        new(StringComparer.Ordinal)
        {
            ["PATH"] = "/usr/bin:/bin",
            ["HOME"] = home,
            ["ANTHROPIC_API_KEY"] = "key-of-a-benchmark",
            ["ANTHROPIC_BASE_URL"] = api.TrimEnd('/'),
            ["DISABLE_AUTOUPDATER"] = "1",
            ["DISABLE_TELEMETRY"] = "1",
            ["DISABLE_ERROR_REPORTING"] = "1",
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
        };

    /// <summary>Starts a program and waits until it says where it listens.</summary>
    public static async Task<Child> StartAsync(
        string program,
        string[] arguments,
        IReadOnlyDictionary<string, string> environment,
        CancellationToken cancellationToken
    )
    {
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var child = new Child(Process.Start(start)!);
        child._process.OutputDataReceived += (_, line) => child.Note(line.Data);
        child._process.BeginOutputReadLine();
        child.Address = new Uri(await child.WaitForAsync(Listening(), cancellationToken));
        return child;
    }

    /// <summary>Waits for a line, and answers what the expression found in it.</summary>
    public async Task<string> WaitForAsync(Regex expression, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Lines.Select(line => expression.Match(line)).FirstOrDefault(match => match.Success) is { } match)
            {
                return match.Groups["found"].Value;
            }

            if (_process.HasExited)
            {
                throw new InvalidOperationException($"It ended with {_process.ExitCode}:\n{string.Join('\n', Lines)}");
            }

            await Task.Delay(20, cancellationToken);
        }
    }

    /// <summary>Memory that a process and its descendants would free, in MB (PSS).</summary>
    public static double ProportionalMegabytes(int processId) =>
        (Kilobytes($"/proc/{processId}/smaps_rollup", "Pss:") / 1000) + ChildrenOf(processId).Sum(ProportionalMegabytes);

    /// <summary>Direct children.</summary>
    public static IEnumerable<int> ChildrenOf(int processId) =>
        Directory
            .EnumerateDirectories($"/proc/{processId}/task")
            .SelectMany(task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(int.Parse);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var term = Process.Start("/bin/kill", ["-TERM", Id.ToString()]);
            await term.WaitForExitAsync();
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        }

        _process.Dispose();
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_lines)
            {
                _lines.Add(line);
            }
        }
    }

    private static double Kilobytes(string file, string name) =>
        double.Parse(
            File.ReadLines(file)
                .First(line => line.StartsWith(name, StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]
        );

    [GeneratedRegex("(listening on |listens on \\[\\\\?\"|\"Urls\":\\[\")(?<found>http://[0-9.:]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Listening();
}
