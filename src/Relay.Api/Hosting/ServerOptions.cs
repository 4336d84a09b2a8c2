using System.Net;
using Microsoft.Extensions.Options;
using Relay.Application.Configuration;

namespace Relay.Api.Hosting;

/// <summary>How log lines look.</summary>
public enum LogFormat
{
    /// <summary>For people.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}

/// <summary>Where the relay listens, and how it starts and stops.</summary>
public sealed class ServerOptions
{
    [Setting("HOST", "The IP address to listen on.")]
    public string Host { get; set; } = "127.0.0.1";

    [Setting("PORT", "The port to listen on; 0 for any free one.", Min = "0", Max = "65535")]
    public int Port { get; set; } = 8799;

    [Setting("ALLOW_REMOTE", "Whether HOST may be an address that other machines reach.")]
    public bool AllowRemote { get; set; }

    [Setting("MAX_BODY_BYTES", "Largest request body, as sent.", Min = "1KB", Max = "100MB")]
    public long MaxBodyBytes { get; set; } = 8_000_000;

    [Setting("DRAIN_TIMEOUT", "How long running requests may go on after a stop was asked for.", Min = "0s", Max = "1h")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    [Setting("LOG_LEVEL", "verbose, debug, information, warning or error.")]
    public Serilog.Events.LogEventLevel LogLevel { get; set; } = Serilog.Events.LogEventLevel.Information;

    [Setting("LOG_FORMAT", "text or json.")]
    public LogFormat LogFormat { get; set; } = LogFormat.Text;
}

internal sealed class ServerOptionsValidator : IValidateOptions<ServerOptions>
{
    public ValidateOptionsResult Validate(string? name, ServerOptions options) =>
        !IPAddress.TryParse(options.Host, out var address)
            ? ValidateOptionsResult.Fail($"HOST: '{options.Host}' is not an IP address.")
            : IPAddress.IsLoopback(address) || options.AllowRemote
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail($"HOST: {address} is reachable from other machines. Set ALLOW_REMOTE=true if that is meant, and put TLS in front.");
}
