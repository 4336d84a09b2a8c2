using Microsoft.Extensions.Configuration;
using Relay.Application.Configuration;

namespace Relay.Redis;

/// <summary>The place of keys, limits and usage, and the relays that share them.</summary>
public sealed class StateOptions
{
    /// <summary>The value of <c>STATE</c> for a single relay.</summary>
    public const string Local = "local";

    [Setting(
        "STATE",
        "Keep keys, limits and usage here: local (files of this relay), or a Redis that several relays share, in the form of "
            + "StackExchange.Redis: redis.internal:6379,ssl=true,user=relay,password=… Several hosts of a cluster, or replicas, stand "
            + "first.",
        Secret = true
    )]
    public string State { get; set; } = Local;

    [Setting(
        "STATE_CA_FILE",
        "Trust the certificate authority in this PEM file for ssl=true. When unset, those of the system are trusted."
    )]
    public string? CaFile { get; set; }

    [Setting("STATE_NAMESPACE", "Begin all names in the shared state with this. Relays with the same value are one fleet.")]
    public string Namespace { get; set; } = "claude-relay";

    [Setting(
        "STATE_TIMEOUT",
        "Wait at most this long for one answer of the shared state. An admission without an answer is asked for once more.",
        Min = "20ms",
        Max = "10s"
    )]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(1);

    [Setting("RELAY_NAME", "Give this relay this name in its fleet. When unset, it has the machine's name.")]
    public string? RelayName { get; set; }

    /// <summary>Whether a configuration asks for a shared state.</summary>
    internal static bool IsShared(IConfiguration configuration) => configuration["STATE"] is { Length: > 0 } state && state.Trim() != Local;
}
