using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Processes;
using Relay.UnitTests.Infrastructure.ApiGate;
using Comparison = System.Func<
    Microsoft.AspNetCore.Http.HttpRequest,
    System.ReadOnlyMemory<byte>,
    Relay.Infrastructure.ApiGate.GateTicket,
    Relay.Infrastructure.ApiGate.GateTurn,
    System.Threading.CancellationToken,
    System.Threading.Tasks.Task<(Relay.Infrastructure.ApiGate.GateRefusal? Refusal, string Detail)>
>;

namespace Relay.UnitTests.Support;

/// <summary>The whole completion engine over children that are no processes. With an API they speak to it through a real gate.</summary>
internal sealed class FakeEngine : IAsyncDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly OrphanGuard _guard = new(NullLogger<OrphanGuard>.Instance);
    private readonly ProcessStarter _prober;
    private readonly FakeGate _gate;
    private readonly AcceptedShapes _shapes;
    private readonly EngineState _state;
    private readonly ClaudeEngine _engine;

    public FakeEngine(
        ClaudeCodeOptions? options = null,
        CompletionOptions? completions = null,
        FakeApi? api = null,
        Comparison? comparedBy = null
    )
    {
        var claude = Options.Create(options ?? new ClaudeCodeOptions());
        claude.Value.Sandbox = SandboxMode.Off;
        claude.Value.Auth = api is null ? ClaudeAuth.Bedrock : ClaudeAuth.ApiKey;
        (claude.Value.ApiKey, claude.Value.BaseUrl) = ("sk-ant-the-real-key", api?.Address);
        var completion = Options.Create(completions ?? new CompletionOptions());
        // The system's clock: a reader of lines lets them gather for two milliseconds.
        Starter = new FakeStarter(TimeProvider.System) { Behavior = api is null ? FakeChild.AnswerLikeClaude : GatedClaude.Answer };
        _prober = new ProcessStarter(_guard, NullLogger<ProcessStarter>.Instance, Clock);
        var environment = new ClaudeEnvironment(claude, completion, new ConfigurationBuilder().Build(), _home.Home);
        var sandbox = new ClaudeSandbox(claude, environment, _home.Home, _prober, new ClaudeLocator(claude), Clock);
        var login = new LoginHealth(new LoginFile(environment), Clock, NullLogger<LoginHealth>.Instance);
        _state = new EngineState(sandbox, login, Clock);
        _gate = FakeGate.Create(_home.Home, claude, Clock, comparedBy);
        Processes = new ClaudeProcesses(
            Starter,
            sandbox,
            _gate.Listener,
            _state,
            Audit,
            Any.Metrics(),
            Clock,
            NullLogger<ClaudeProcesses>.Instance
        );
        _ = Processes.StartAsync(CancellationToken.None);
        _shapes = new AcceptedShapes(new HostTraces(_home.Home, environment));
        Pool = new WarmPool(_state, Processes, claude, completion, _shapes, Keys, Clock, Log);
        _engine = new ClaudeEngine(
            _state,
            Pool,
            Processes,
            new TurnPreparation(Pool, Processes, _shapes, environment, completion, NullLogger<TurnPreparation>.Instance),
            environment,
            login,
            completion,
            Any.Metrics(),
            Clock,
            NullLogger<ClaudeEngine>.Instance
        );
        // Any file that exists: nothing here starts it.
        Generation = _state.EnterService(new ClaudeBinary("/bin/sh", 1, Any.Time.UtcDateTime), Frames.Version);
    }

    public FakeTimeProvider Clock { get; } = new(Any.Time);

    public FakeStarter Starter { get; }

    public IAuditLog Audit { get; } = Substitute.For<IAuditLog>();

    public IKeyDirectory Keys { get; } = Substitute.For<IKeyDirectory>();

    public LogLines<WarmPool> Log { get; } = new();

    public ClaudeProcesses Processes { get; }

    public WarmPool Pool { get; }

    public EngineGeneration Generation { get; }

    /// <summary>Listens from now on.</summary>
    public Task StartGateAsync() => _gate.Listener.StartAsync(Waiting.Token);

    public bool IsInService => _state.Current is not null;

    /// <summary>Runs a completion.</summary>
    public Task<Result<Completion>> CompleteAsync(
        CompletionRequest request,
        string keyId = "key_a",
        ICompletionSink? sink = null,
        Spending? spending = null,
        CancellationToken? left = null
    ) => _engine.CompleteAsync(keyId, Any.Model(), request, sink, spending ?? new Spending(), left ?? Waiting.Token);

    /// <summary>Accepts the form of an honest process's requests, as the self-test does.</summary>
    public void AcceptShape()
    {
        var body = new ComposedRequest().Say("user", "Say OK.").WithNoteOf(Any.Time).ToBytes();
        var headers = RequestHeaders.Read(new HeaderDictionary { ["anthropic-version"] = "2023-06-01" }, out _);
        var expected = TurnExpectation.Rehearsal("opus", new Preparation(Any.Text("Be brief."), null), 16_000);
        var today = DateOnly.FromDateTime(Any.Time.UtcDateTime);
        _shapes.Accept(Generation.Binary, "opus", takesSchema: false, RequestProof.Prove(body, headers, expected, [], today).Shape!);
    }

    /// <summary>Waits until so many spares of keys are parked.</summary>
    public async Task ParkedAsync(int count)
    {
        for (var attempt = 0; attempt < 1000 && Pool.Load.PreparedSpares != count; attempt++)
        {
            await Task.Delay(10, Waiting.Token);
        }

        Pool.Load.PreparedSpares.Should().Be(count);
    }

    /// <summary>Lets time pass on the clock, in steps that let what waits go on in between.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        var step = TimeSpan.FromMilliseconds(200);
        for (var passed = TimeSpan.Zero; passed < time; passed += step)
        {
            Clock.Advance(step);
            await Task.Delay(5, Waiting.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Pool.StopAsync(CancellationToken.None);
        Pool.Dispose();
        await Processes.StopAsync(CancellationToken.None);
        Processes.Dispose();
        await _gate.DisposeAsync();
        _state.Dispose();
        _prober.Dispose();
        _guard.Dispose();
        _home.Dispose();
    }
}
