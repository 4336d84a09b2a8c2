using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.AnthropicSimulator;
using Relay.Cli;

namespace Relay.EndToEndTests.Harness;

/// <summary>A running relay: the built program in its own process, with its own home and port.</summary>
internal sealed partial class RelayProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = new();

    private readonly bool _ownsHome;

    private RelayProgram(Process process, string home, bool ownsHome, Func<DnsEndPoint, CancellationToken, ValueTask<Stream>>? connect)
    {
        (_process, Home, _ownsHome) = (process, home, ownsHome);
        var handler = new SocketsHttpHandler();
        if (connect is not null)
        {
            handler.ConnectCallback = (context, cancellationToken) => connect(context.DnsEndPoint, cancellationToken);
        }

        Http = new HttpClient(new DescribedAnswers(handler)) { Timeout = TimeSpan.FromSeconds(100) };
    }

    /// <summary>Its <c>RELAY_HOME</c>; removed at the end unless it was given.</summary>
    public string Home { get; }

    /// <summary>Speaks to it; the address is its base.</summary>
    public HttpClient Http { get; }

    /// <summary>Its process.</summary>
    public int ProcessId => _process.Id;

    /// <summary>The lines that it wrote to stdout and stderr so far.</summary>
    public IReadOnlyList<string> Log => [.. _log];

    /// <summary>Its last warnings and errors, for the message of a test that fails.</summary>
    public string Complaints =>
        $"What the relay complained of last:\n{string.Join('\n', Log.Where(line => Complaint().IsMatch(line)).TakeLast(12))}";

    /// <summary>The files in its home. Empty ones hold nothing, and those that are locks can't be opened besides.</summary>
    public IReadOnlyList<string> FilesWithContent =>
        [.. Directory.EnumerateFiles(Home, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 0)];

    /// <summary>Its exit code; null while it runs.</summary>
    public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

    /// <summary>Claude Code processes (and jails around them) that run now. The guard's shell is not one.</summary>
    public IReadOnlyList<int> Children =>
        [
            .. TestMachine
                .DescendantsOf(ProcessId)
                .Where(id =>
                {
                    try
                    {
                        return !TestMachine.CommandLineOf(id).StartsWith("/bin/sh -c trap", StringComparison.Ordinal);
                    }
                    catch (IOException)
                    {
                        return false;
                    }
                }),
        ];

    /// <summary>
    /// A relay over the real CLI and a simulated API, ready to serve. It keeps no spares unless told otherwise, because two spares and
    /// the one that replaces the first take 4 s of processor time, and most tests use none.
    /// </summary>
    /// <param name="simulator">The API.</param>
    /// <param name="settings">Further settings, by their flat names; <c>SANDBOX</c> among them.</param>
    public static Task<RelayProgram> WithRealClaudeAsync(Simulator simulator, params (string Name, string Value)[] settings) =>
        StartAsync([
            ("CLAUDE_BIN", TestMachine.RealClaude),
            ("CLAUDE_AUTH", "api-key"),
            ("ANTHROPIC_API_KEY", "dummy-key-of-a-test"),
            ("CLAUDE_BASE_URL", simulator.BaseAddress.ToString()),
            ("WARM_PROCESSES", "0"),
            .. settings,
        ]);

    /// <summary>
    /// A relay over a fake CLI (see <c>FakeClaudeInstall.Install</c>), unjailed and without spares unless told otherwise, ready to serve.
    /// </summary>
    public static Task<RelayProgram> WithFakeClaudeAsync(string claude, params (string Name, string Value)[] settings) =>
        StartAsync([
            ("CLAUDE_BIN", claude),
            ("CLAUDE_AUTH", "bedrock"),
            ("AWS_REGION", "of-a-test"),
            ("SANDBOX", "off"),
            ("WARM_PROCESSES", "0"),
            ("WARM_PROFILES", "0"),
            .. settings,
        ]);

    /// <summary>Starts a relay with these settings and nothing else in its environment.</summary>
    /// <param name="settings">
    /// Later ones win. <c>RELAY_HOME</c> may be given; it is then left alone at the end unless a test made it.
    /// </param>
    /// <param name="waitUntilReady">Whether to wait for <c>/health/ready</c>.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="wrapper">
    /// A program and its arguments that starts the relay in its own place (by <c>exec</c>, so that the process id stays).
    /// </param>
    /// <param name="connect">Reaches it, when it is in another network than the test.</param>
    public static async Task<RelayProgram> StartAsync(
        (string Name, string Value)[] settings,
        bool waitUntilReady = true,
        string[]? arguments = null,
        string[]? wrapper = null,
        Func<DnsEndPoint, CancellationToken, ValueTask<Stream>>? connect = null
    )
    {
        var relay = Launch(settings, arguments, wrapper, connect);
        try
        {
            await TestMachine.EventuallyAsync(
                () => relay.FindAddress() is not null || relay.ExitCode is not null,
                TimeSpan.FromMinutes(2),
                "the relay does not listen"
            );
            relay.Http.BaseAddress = new Uri(
                relay.FindAddress()
                    ?? throw new InvalidOperationException($"The relay ended with {relay.ExitCode}:\n{string.Join('\n', relay.Log)}")
            );
            if (waitUntilReady)
            {
                await relay.WaitUntilReadyAsync();
            }

            return relay;
        }
        catch
        {
            await relay.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a relay without waiting for anything: for starts that are to fail.</summary>
    public static RelayProgram Launch(
        (string Name, string Value)[] settings,
        string[]? arguments = null,
        string[]? wrapper = null,
        Func<DnsEndPoint, CancellationToken, ValueTask<Stream>>? connect = null
    )
    {
        var given = settings.LastOrDefault(setting => setting.Name == "RELAY_HOME").Value;
        var home = given ?? TestMachine.NewDirectory();
        string[] command = [.. wrapper ?? [], TestMachine.DotNet, TestMachine.ProgramOf("Relay.Api", "Relay.Api"), .. arguments ?? []];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        foreach (
            var (name, value) in (IEnumerable<(string, string)>)
                [
                    ("PATH", "/usr/bin:/bin"),
                    ("HOME", home),
                    ("DOTNET_EnableDiagnostics", "0"),
                    .. TestMachine.QuickStart,
                    ("DOTNET_ROOT", Path.GetDirectoryName(TestMachine.DotNet)!),
                    ("RELAY_HOME", home),
                    ("PORT", "0"),
                    ("LOG_LEVEL", "debug"),
                    ("PER_KEY_RPM", "1000000"),
                    .. settings,
                ]
        )
        {
            start.Environment[name] = value;
        }

        var relay = new RelayProgram(Process.Start(start)!, home, ownsHome: given is null, connect);
        relay._process.OutputDataReceived += (_, line) => relay.Note(line.Data);
        relay._process.ErrorDataReceived += (_, line) => relay.Note(line.Data);
        relay._process.BeginOutputReadLine();
        relay._process.BeginErrorReadLine();
        return relay;
    }

    /// <summary>Mints a key with <c>relayctl keys add</c> and waits until the relay knows it.</summary>
    public async Task<string> MintAsync(string label, params string[] options)
    {
        var (code, output, error) = await RelayctlAsync(["keys", "add", label, .. options]);
        var secret = output.Trim();
        Assert.True(code == 0, error);
        await EventuallyAsync(async () => (await GetAsync("/v1/models", secret)).Status == 200, "the relay does not know the new key");
        return secret;
    }

    /// <summary>
    /// Runs <c>relayctl</c> on this relay's home, unless the arguments name another. It runs within this process, which saves the half
    /// second of processor time that a new process takes: <see cref="RelayctlProcessAsync"/> starts the program.
    /// </summary>
    public async Task<(int ExitCode, string Output, string Error)> RelayctlAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var console = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            ProcessTerminationTimeout = null,
        };
        var code = await Relayctl.RunAsync(WithHome(arguments), console, TestContext.Current.CancellationToken);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Runs <c>relayctl</c> on this relay's home as a process.</summary>
    public Task<(int ExitCode, string Output, string Error)> RelayctlProcessAsync(params string[] arguments) =>
        RelayctlProcess.RunAsync([], WithHome(arguments));

    /// <summary>Posts a completion: an object becomes JSON, a string is sent as it is.</summary>
    public Task<RelayAnswer> CompleteAsync(string key, object body, CancellationToken? cancellationToken = null) =>
        PostAsync("/v1/complete", key, body, cancellationToken);

    /// <summary>Posts to a path: an object becomes JSON, a string is sent as it is.</summary>
    public async Task<RelayAnswer> PostAsync(string path, string key, object body, CancellationToken? cancellationToken = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = body is string text
                ? new StringContent(text, new MediaTypeHeaderValue("application/json"))
                : JsonContent.Create(body),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>Gets a path, with a key or without.</summary>
    public async Task<RelayAnswer> GetAsync(string path, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return await SendAsync(request, null);
    }

    /// <summary>Sends any request.</summary>
    public async Task<RelayAnswer> SendAsync(HttpRequestMessage request, CancellationToken? cancellationToken)
    {
        using var response = await Http.SendAsync(request, cancellationToken ?? TestContext.Current.CancellationToken);
        if (response.StatusCode >= HttpStatusCode.InternalServerError && request.RequestUri?.AbsolutePath != "/health/ready")
        {
            // Shown only when the test fails: a relay's reason for what it should not have answered. Tests ask for readiness in a loop.
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{(int)response.StatusCode} to {request.Method} {request.RequestUri}. {Complaints}"
            );
        }

        return new RelayAnswer(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(CancellationToken.None),
            response.Headers
        );
    }

    /// <summary>Waits for <c>/health/ready</c> to say yes.</summary>
    public Task WaitUntilReadyAsync() =>
        EventuallyAsync(async () => (await GetAsync("/health/ready")).Status == 200, "the relay is not ready");

    /// <summary>Waits until something holds, up to a minute; the relay's log is part of the failure.</summary>
    public async Task EventuallyAsync(Func<Task<bool>> condition, string otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > TimeSpan.FromMinutes(1) || ExitCode is not null)
            {
                throw new TimeoutException($"{otherwise}; its log:\n{string.Join('\n', Log)}");
            }

            await Task.Delay(25, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Asks it to stop and waits until it has.</summary>
    public async Task<int> StopAsync(PosixSignal signal = PosixSignal.SIGTERM)
    {
        if (!_process.HasExited)
        {
            TestMachine.Signal(ProcessId, signal);
        }

        return await WaitForExitAsync();
    }

    /// <summary>Waits until it has ended, and for the last line it wrote.</summary>
    public async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        return _process.ExitCode;
    }

    /// <summary>The lines of its audit log so far.</summary>
    public IReadOnlyList<JsonElement> Audit
    {
        get
        {
            var directory = Path.Combine(Home, "audit");
            return Directory.Exists(directory)
                ?
                [
                    .. Directory
                        .EnumerateFiles(directory, "*.jsonl")
                        .Order(StringComparer.Ordinal)
                        .SelectMany(File.ReadAllLines)
                        .Select(line => JsonElement.Parse(line)),
                ]
                : [];
        }
    }

    /// <summary>Stops it, and checks that it left no process behind.</summary>
    public async ValueTask DisposeAsync()
    {
        var children = _process.HasExited ? [] : TestMachine.DescendantsOf(ProcessId);
        if (!_process.HasExited)
        {
            await StopAsync();
        }

        Http.Dispose();
        _process.Dispose();
        await TestMachine.EventuallyAsync(
            () => !children.Any(TestMachine.IsRunning),
            TimeSpan.FromSeconds(2),
            "a stopped relay left processes behind"
        );
        if (_ownsHome && Directory.Exists(Home))
        {
            Directory.Delete(Home, recursive: true);
        }
    }

    private string[] WithHome(string[] arguments) =>
        arguments.Contains("--home", StringComparer.Ordinal) ? arguments : ["--home", Home, .. arguments];

    private void Note(string? line)
    {
        if (line is not null)
        {
            _log.Enqueue(line);
        }
    }

    private string? FindAddress() => _log.Select(line => Address().Match(line)).FirstOrDefault(match => match.Success)?.Groups["url"].Value;

    // As text, and as LOG_FORMAT=json has it.
    [GeneratedRegex(
        "(listens on |listens on .*\"Urls\":)\\[\"(?<url>http[^\"]+)\"",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Address();

    [GeneratedRegex(
        @"^[-0-9]+ [0-9:.]+ (WRN|ERR|FTL) |""@l"":""(Warning|Error|Fatal)""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Complaint();
}
