using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.AnthropicSimulator;
using Relay.Application.Completions;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// The real CLI, launched exactly as the relay launches it (arguments, environment, jail), with nobody who watches or kills
/// it. Shows what the launch alone is worth; a test may weaken it to show that one layer is enough, or that none leaks.
/// </summary>
internal sealed class BareClaude : IAsyncDisposable
{
    private readonly OrphanGuard _guard;
    private readonly ProcessStarter _starter;
    private readonly ChildProcess _child;
    private readonly IDisposable? _scratch;
    private readonly string _relayHome;

    private BareClaude(
        OrphanGuard guard,
        ProcessStarter starter,
        ChildProcess child,
        ProcessSpec spec,
        IDisposable? scratch,
        string relayHome
    ) => (_guard, _starter, _child, Spec, _scratch, _relayHome) = (guard, starter, child, spec, scratch, relayHome);

    /// <summary>The command that started it.</summary>
    public ProcessSpec Spec { get; }

    /// <summary>Its process id; the jail's, where there is one.</summary>
    public int ProcessId => _child.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _child.Exited.IsCompleted;

    /// <summary>Starts it and sets a system prompt.</summary>
    /// <param name="api">The API it is pointed at.</param>
    /// <param name="sandbox"><c>bwrap</c> or <c>off</c>.</param>
    /// <param name="arguments">Changes the arguments.</param>
    /// <param name="environment">Changes the environment.</param>
    public static async Task<BareClaude> StartAsync(
        Simulator api,
        string sandbox,
        Func<IReadOnlyList<string>, IReadOnlyList<string>>? arguments = null,
        Action<Dictionary<string, string>>? environment = null
    )
    {
        var home = RelayHome.Open(TestMachine.NewDirectory());
        var options = Options.Create(
            new ClaudeCodeOptions
            {
                ClaudeBin = TestMachine.RealClaude,
                // The jail with a network: without a relay there is no gate.
                Auth = ClaudeAuth.Bedrock,
                BaseUrl = api.BaseAddress,
                Sandbox = sandbox == "off" ? SandboxMode.Off : SandboxMode.Bwrap,
            }
        );
        var configuration = new ConfigurationBuilder().Build();
        var guard = new OrphanGuard(NullLogger<OrphanGuard>.Instance);
        var starter = new ProcessStarter(guard, NullLogger<ProcessStarter>.Instance, TimeProvider.System);
        var jail = new ClaudeSandbox(
            options,
            new ClaudeEnvironment(options, Options.Create(new CompletionOptions()), configuration, home),
            home,
            starter,
            new ClaudeLocator(options),
            TimeProvider.System
        );
        if (await jail.ProbeAsync(TestContext.Current.CancellationToken) is { } problem)
        {
            throw new InvalidOperationException(problem);
        }

        var launch = ClaudeLockdown.Arguments("opus");
        var command = jail.Confine(new ClaudeLocator(options).Find().Value, arguments?.Invoke(launch) ?? launch);
        var variables = new Dictionary<string, string>(command.Spec.Environment, StringComparer.Ordinal);
        variables.Remove("CLAUDE_CODE_USE_BEDROCK");
        variables["ANTHROPIC_API_KEY"] = "dummy-key-of-a-test";
        environment?.Invoke(variables);
        var spec = command.Spec with { Environment = variables };
        var child = await starter.StartAsync(spec, ClaudeProcess.MaxLineBytes, TestContext.Current.CancellationToken);
        return new BareClaude(guard, starter, child, spec, command.Scratch, home.Path);
    }

    /// <summary>Writes a frame.</summary>
    public async Task SendAsync(object frame)
    {
        await _child.Stdin.WriteAsync(
            Encoding.UTF8.GetBytes(JsonSerializer.Serialize(frame) + "\n"),
            TestContext.Current.CancellationToken
        );
        await _child.Stdin.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Sets the system prompt.</summary>
    public Task InitializeAsync(string system) =>
        SendAsync(
            new
            {
                type = "control_request",
                request_id = "1",
                request = new { subtype = "initialize", systemPrompt = new[] { system } },
            }
        );

    /// <summary>
    /// Asks as the relay asks, or without <c>client_composed</c>, and returns the frames up to the result, that one included.
    /// </summary>
    /// <exception cref="TimeoutException">No result within 20 s.</exception>
    public async Task<IReadOnlyList<JsonElement>> AskAsync(string prompt, bool clientComposed = true)
    {
        await SendAsync(
            clientComposed
                ? new
                {
                    type = "user",
                    client_composed = true,
                    message = new { role = "user", content = prompt },
                }
                : (object)new { type = "user", message = new { role = "user", content = prompt } }
        );
        var frames = new List<JsonElement>();
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(TimeSpan.FromSeconds(20));
        try
        {
            while (await _child.Stdout.ReadAsync(line => Encoding.UTF8.GetString(line), timeout.Token) is { } line)
            {
                var frame = JsonDocument.Parse(line).RootElement;
                frames.Add(frame);
                if (frame.GetProperty("type").GetString() == "result")
                {
                    return frames;
                }
            }
        }
        catch (OperationCanceledException exception) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"No result. Frames: {string.Join('\n', frames)}", exception);
        }

        throw new InvalidOperationException($"The CLI ended. It said: {_child.Stderr.Redacted()}");
    }

    /// <summary>Ends it and removes what it left.</summary>
    public async ValueTask DisposeAsync()
    {
        await _child.StopAsync();
        _scratch?.Dispose();
        _starter.Dispose();
        _guard.Dispose();
        Directory.Delete(_relayHome, recursive: true);
    }
}
