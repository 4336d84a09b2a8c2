using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.Application.Completions;
using Relay.Application.Quotas;
using Relay.Infrastructure.ApiGate;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;
using Yarp.ReverseProxy.Forwarder;
using Comparison = System.Func<
    Microsoft.AspNetCore.Http.HttpRequest,
    System.ReadOnlyMemory<byte>,
    Relay.Infrastructure.ApiGate.GateTicket,
    Relay.Infrastructure.ApiGate.GateTurn,
    System.Threading.CancellationToken,
    System.Threading.Tasks.Task<(Relay.Infrastructure.ApiGate.GateRefusal? Refusal, string Detail)>
>;

namespace Relay.UnitTests.Support;

/// <summary>A gate with all that it is made of. It listens once it is started.</summary>
internal sealed class FakeGate : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly OrphanGuard _guard = new(NullLogger<OrphanGuard>.Instance);
    private readonly ProcessStarter _starter;
    private readonly ApiCredentials _credentials;
    private readonly ApiForwarder _forwarder;

    private FakeGate(RelayHome home, IOptions<ClaudeCodeOptions> options, TimeProvider clock, Comparison? comparedBy, string? certificates)
    {
        Account = new AccountMeter(clock);
        _services = new ServiceCollection().AddLogging().AddHttpForwarder().BuildServiceProvider();
        _starter = new ProcessStarter(_guard, NullLogger<ProcessStarter>.Instance, clock);
        var (configuration, completions) = (
            new ConfigurationBuilder().AddInMemoryCollection([new("NODE_EXTRA_CA_CERTS", certificates)]).Build(),
            Options.Create(new CompletionOptions())
        );
        var login = new LoginFile(new ClaudeEnvironment(options, completions, configuration, home));
        var renewal = new LoginRenewal(
            new ClaudeLocator(options),
            login,
            new LoginStatusReader(_starter, clock),
            home,
            options,
            configuration
        );
        _credentials = new ApiCredentials(options, login, renewal, clock, NullLogger<ApiCredentials>.Instance);
        _forwarder = new ApiForwarder(
            _services.GetRequiredService<IHttpForwarder>(),
            _credentials,
            options,
            completions,
            configuration,
            Account,
            clock
        );
        Listener = new GateListener(home, _forwarder, options, Any.Metrics(), clock, NullLogger<GateListener>.Instance)
        {
            ComparedBy = comparedBy,
        };
    }

    public GateListener Listener { get; }

    /// <summary>The account's limits, as the API told them.</summary>
    public AccountMeter Account { get; }

    /// <param name="home">The home below which the socket is made.</param>
    /// <param name="options">The settings.</param>
    /// <param name="clock">The clock of the gate; null for the system's.</param>
    /// <param name="comparedBy">A comparison in the place of the gate's proof; null for the proof.</param>
    /// <param name="certificates">A file of authorities that the API's certificate may come from; null for the system's only.</param>
    public static FakeGate Create(
        RelayHome home,
        IOptions<ClaudeCodeOptions> options,
        TimeProvider? clock = null,
        Comparison? comparedBy = null,
        string? certificates = null
    ) => new(home, options, clock ?? TimeProvider.System, comparedBy, certificates);

    public async ValueTask DisposeAsync()
    {
        await Listener.DisposeAsync();
        _forwarder.Dispose();
        _credentials.Dispose();
        _starter.Dispose();
        _guard.Dispose();
        await _services.DisposeAsync();
    }
}
