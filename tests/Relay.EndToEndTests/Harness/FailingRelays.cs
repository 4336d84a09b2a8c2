using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests.Harness;

/// <summary>Relays of different patience over one API.</summary>
public sealed class FailingRelays : IAsyncLifetime
{
    private readonly Dictionary<string, (RelayProgram Relay, string Key)> _relays = new(StringComparer.Ordinal);

    internal Simulator Api { get; private set; } = null!;

    /// <summary>
    /// Gives up after 14.9 s, and retries three times: a fourth would not fit. The pauses take 4.4 s at most, so a busy machine has
    /// 10 s for the rest.
    /// </summary>
    internal Task<(RelayProgram Relay, string Key)> ImpatientAsync() =>
        StartedAsync("impatient", ("REQ_TIMEOUT", "14900ms"), ("WARM_PROCESSES", "1"));

    /// <summary>Gives up after 4 s.</summary>
    internal Task<(RelayProgram Relay, string Key)> HastyAsync() => StartedAsync("hasty", ("REQ_TIMEOUT", "4s"), ("WARM_PROCESSES", "1"));

    /// <summary>Gives up after 3 s of silence, in which the start of a process has no place either.</summary>
    internal Task<(RelayProgram Relay, string Key)> ListeningAsync() =>
        StartedAsync("listening", ("IDLE_TIMEOUT", "3s"), ("WARM_PROCESSES", "1"));

    /// <summary>Has the default time, so that a retry the relay must prevent would fit.</summary>
    internal Task<(RelayProgram Relay, string Key)> PatientAsync() => StartedAsync("patient");

    internal Task<(RelayProgram Relay, string Key)> SubscribedAsync() =>
        StartedAsync("subscribed", ("CLAUDE_AUTH", "oauth-token"), ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-dummy-of-a-test"));

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Api = await Simulator.StartAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (relay, _) in _relays.Values)
        {
            await relay.DisposeAsync();
        }

        await Api.DisposeAsync();
    }

    private async Task<(RelayProgram Relay, string Key)> StartedAsync(string name, params (string Name, string Value)[] settings)
    {
        if (!_relays.TryGetValue(name, out var started))
        {
            var relay = await RelayProgram.WithRealClaudeAsync(Api, [("WARM_PROFILES", "0"), .. settings]);
            _relays[name] = started = (relay, await relay.MintAsync("app"));
        }

        return started;
    }
}
