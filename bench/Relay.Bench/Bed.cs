using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.FakeClaude;

namespace Relay.Bench;

/// <summary>The servers of one scenario: the simulated API, the relay, and the obvious approach, over the same claude.</summary>
internal sealed partial class Bed : IAsyncDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("claude-relay-bench-").FullName;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(3) };
    private readonly List<Child> _children = [];

    private Bed() { }

    public Child Simulator { get; private set; } = null!;

    public Child Relay { get; private set; } = null!;

    public Child Obvious { get; private set; } = null!;

    public string Home => _home;

    public string Key { get; private set; } = string.Empty;

    public string RelayHome => Path.Combine(_home, "relay");

    /// <summary>Everything over the real CLI.</summary>
    public static async Task<Bed> WithRealClaudeAsync(
        string claude,
        TimeSpan modelLatency,
        CancellationToken cancellationToken,
        params (string Name, string Value)[] settings
    )
    {
        var bed = new Bed();
        bed.Simulator = await bed.StartAsync(
            Program("Relay.AnthropicSimulator"),
            ["--before-first-token-ms", modelLatency.TotalMilliseconds.ToString("0")],
            [],
            cancellationToken
        );
        var api = bed.Simulator.Address.ToString();
        await bed.StartRelayAsync(claude, [("CLAUDE_BASE_URL", api), .. settings], cancellationToken);
        var obviousHome = Directory.CreateDirectory(Path.Combine(bed._home, "obvious")).FullName;
        bed.Obvious = await bed.StartAsync(Program("Relay.Bench"), ["obvious", claude, api, obviousHome], [], cancellationToken);
        return bed;
    }

    /// <summary>The relay over a CLI that answers at once, unjailed: what is left is the relay's own share.</summary>
    public static Task<Bed> WithFakeClaudeAsync(CancellationToken cancellationToken, params (string Name, string Value)[] settings) =>
        WithFakeClaudeAsync(new FakeScript(), cancellationToken, settings);

    /// <summary>The same, with a script.</summary>
    public static async Task<Bed> WithFakeClaudeAsync(
        FakeScript script,
        CancellationToken cancellationToken,
        params (string Name, string Value)[] settings
    )
    {
        var bed = new Bed();
        var claude = FakeClaudeInstall.Install(Directory.CreateDirectory(Path.Combine(bed._home, "fake")).FullName, script);
        await bed.StartRelayAsync(
            claude,
            [("CLAUDE_AUTH", "bedrock"), ("SANDBOX", "off"), ("WARM_PROCESSES", "0"), ("WARM_PROFILES", "0"), .. settings],
            cancellationToken
        );
        return bed;
    }

    /// <summary>One completion over HTTP; answers how long it took.</summary>
    public Task<TimeSpan> CompleteAsync(Child server, string prompt, string? system, CancellationToken cancellationToken) =>
        CompleteAsync(server, new { prompt, system }, cancellationToken);

    /// <summary>The same with any body of <c>/v1/complete</c>.</summary>
    public async Task<TimeSpan> CompleteAsync(Child server, object body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, "/v1/complete"))
        {
            Content = JsonContent.Create(body),
        };
        await request.Content.LoadIntoBufferAsync(cancellationToken);
        var watch = Stopwatch.StartNew();
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using var response = await _http.SendAsync(request, cancellationToken);
        var answer = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? watch.Elapsed : throw new InvalidOperationException($"{(int)response.StatusCode}: {answer}");
    }

    /// <summary>One stream over HTTP; calls back with each piece of text as it is read.</summary>
    public async Task StreamAsync(string prompt, Action<string> onText, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Relay.Address, "/v1/complete"))
        {
            Content = JsonContent.Create(new { prompt, stream = true }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var isWhole = false;
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
        {
            if (item.EventType == "delta")
            {
                onText(JsonElement.Parse(item.Data).GetProperty("text").GetString()!);
            }

            isWhole |= item.EventType == "done";
        }

        if (!isWhole)
        {
            throw new InvalidOperationException($"{(int)response.StatusCode}: a stream without an end.");
        }
    }

    /// <summary>Sets what the simulator answers from now on.</summary>
    public async Task SetBehaviorAsync(object behavior, CancellationToken cancellationToken)
    {
        using var response = await _http.PutAsJsonAsync(new Uri(Simulator.Address, "/_simulator/behavior"), behavior, cancellationToken);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Connections that the simulator was asked over so far.</summary>
    public async Task<int> ConnectionsAsync(CancellationToken cancellationToken) =>
        (await _http.GetFromJsonAsync<JsonElement>(new Uri(Simulator.Address, "/_simulator/health"), cancellationToken))
            .GetProperty("connections")
            .GetInt32();

    /// <summary>The lengths of the bodies that the simulator got since the last time.</summary>
    public async Task<IReadOnlyList<int>> TakeBodyLengthsAsync(CancellationToken cancellationToken)
    {
        var requests = new Uri(Simulator.Address, "/_simulator/requests");
        var recorded = await _http.GetFromJsonAsync<JsonElement>(requests, cancellationToken);
        using var deleted = await _http.DeleteAsync(requests, cancellationToken);
        return [.. recorded.EnumerateArray().Select(request => request.GetProperty("body_length").GetInt32())];
    }

    /// <summary>The relay's own milliseconds (socket to stdin, result line to socket) of each completion so far, from its log.</summary>
    public IReadOnlyList<double> OwnMilliseconds() =>
        [
            .. Relay
                .Lines.Where(line => line.Contains("\"OwnMs\":", StringComparison.Ordinal))
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("OwnMs").GetDouble()),
        ];

    public async ValueTask DisposeAsync()
    {
        foreach (var child in Enumerable.Reverse(_children))
        {
            await child.DisposeAsync();
        }

        _http.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private static string Program(string project, string? assembly = null)
    {
        var output = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        return Path.Combine(output, "..", "..", project, Path.GetFileName(output), (assembly ?? project) + ".dll");
    }

    private async Task StartRelayAsync(string claude, (string Name, string Value)[] settings, CancellationToken cancellationToken)
    {
        Relay = await StartAsync(
            Program("Relay.Api"),
            [],
            [
                ("RELAY_HOME", RelayHome),
                ("PORT", "0"),
                ("CLAUDE_BIN", claude),
                ("CLAUDE_AUTH", "api-key"),
                ("ANTHROPIC_API_KEY", "key-of-a-benchmark"),
                ("LOG_FORMAT", "json"),
                ("PER_KEY_RPM", "1000000"),
                ("PER_KEY_DAILY", "1000000"),
                ("GLOBAL_DAILY", "1000000"),
                ("DOTNET_EnableDiagnostics", "0"),
                .. settings,
            ],
            cancellationToken
        );
        await Relay.WaitForAsync(SelfTest(), cancellationToken);
        var start = new ProcessStartInfo("dotnet", [Program("Relay.Cli", "relayctl"), "--home", RelayHome, "keys", "add", "bench"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var relayctl = Process.Start(start)!;
        Key = (await relayctl.StandardOutput.ReadToEndAsync(cancellationToken)).Trim();
        await Relay.WaitForAsync(KeysLoaded(1), cancellationToken);
    }

    private async Task<Child> StartAsync(
        string program,
        string[] arguments,
        (string Name, string Value)[] environment,
        CancellationToken cancellationToken
    )
    {
        var child = await Child.StartAsync(
            program,
            arguments,
            environment
                .Reverse()
                .DistinctBy(pair => pair.Name, StringComparer.Ordinal)
                .ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal),
            cancellationToken
        );
        _children.Add(child);
        return child;
    }

    [GeneratedRegex("(?<found>passed the lockdown self-test)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SelfTest();

    /// <summary>The line that says that so many keys are in force, and how long they took to load, as text or JSON.</summary>
    public static Regex KeysLoaded(int count) =>
        new(
            $"({count} keys in force, loaded in (?<found>[0-9]+) ms|\"Count\":{count},\"Milliseconds\":(?<found>[0-9]+))",
            RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(1)
        );

    /// <summary>The time of each load of so many keys.</summary>
    public IReadOnlyList<double> LoadMilliseconds(int count) =>
        [
            .. Relay
                .Lines.Select(line => KeysLoaded(count).Match(line))
                .Where(match => match.Success)
                .Select(match => double.Parse(match.Groups["found"].Value)),
        ];

    /// <summary>A bare Kestrel endpoint.</summary>
    public Task<Child> StartBareAsync(CancellationToken cancellationToken) =>
        StartAsync(Program("Relay.Bench"), ["bare"], [], cancellationToken);
}
