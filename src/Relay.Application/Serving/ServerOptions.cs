using Relay.Application.Configuration;

namespace Relay.Application.Serving;

/// <summary>The format of log lines.</summary>
public enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>
/// The relay's address, the clients that may connect, and its start and stop. They are in the application, because relayctl checks and
/// prints all settings, and does not use the Api.
/// </summary>
public sealed class ServerOptions
{
    [Setting("HOST", "Listen on this IP address.")]
    public string Host { get; set; } = "127.0.0.1";

    [Setting("PORT", "Listen on this port; 0 for any free one.", Min = "0", Max = "65535")]
    public int Port { get; set; } = 8799;

    [Setting("ALLOW_REMOTE", "Allow a HOST that other machines reach.")]
    public bool AllowRemote { get; set; }

    [Setting(
        "ALLOWED_HOSTS",
        "Answer requests whose Host header has one of these names and addresses, without a port. HOST and NGROK_DOMAIN are always among "
            + "them."
    )]
    public IReadOnlyList<string> AllowedHosts { get; set; } = ["localhost", "127.0.0.1", "[::1]"];

    [Setting("NGROK_DOMAIN", "Answer to this name of an ngrok tunnel.")]
    public string? NgrokDomain { get; set; }

    [Setting(
        "MAX_CONNECTIONS",
        "Hold at most this many connections at once. Further ones are closed as they come.",
        Min = "1",
        Max = "100000"
    )]
    public int MaxConnections { get; set; } = 1000;

    [Setting("MAX_BODY_BYTES", "Take request bodies up to this size, as sent.", Min = "1KB", Max = "100MB")]
    public long MaxBodyBytes { get; set; } = 8_000_000;

    [Setting(
        "HEADER_TIMEOUT",
        "Wait at most this long for a request's head, and for the next request on a connection without a good key so far.",
        Min = "1s",
        Max = "5m"
    )]
    public TimeSpan HeaderTimeout { get; set; } = TimeSpan.FromSeconds(15);

    [Setting(
        "MIN_DATA_RATE",
        "Cut a client off that sends its body, or reads its answer, with fewer bytes a second than this, on "
            + "average and after five seconds.",
        Min = "1",
        Max = "10MB"
    )]
    public long MinDataRate { get; set; } = 4000;

    [Setting(
        "HEARTBEAT_AFTER",
        "Send a comment into a stream after this much silence, so that proxies keep the connection open; 0s for never.",
        Min = "0s",
        Max = "5m"
    )]
    public TimeSpan HeartbeatAfter { get; set; } = TimeSpan.FromSeconds(10);

    [Setting("DRAIN_TIMEOUT", "Let running requests go on for this long after a stop was asked for.", Min = "0s", Max = "1h")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    [Setting("LOG_LEVEL", "Log from this level on: verbose, debug, information, warning or error.")]
    public LogLevel LogLevel { get; set; } = LogLevel.Information;

    [Setting("LOG_FORMAT", "Write the log as text or json.")]
    public LogFormat LogFormat { get; set; } = LogFormat.Text;
}
