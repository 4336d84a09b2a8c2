using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Application.Serving;
using Relay.Application.Telemetry;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>
/// Checks whether the relay's port is free, or a relay serves there that is ready; and whether the port of its metrics is free for a
/// relay that starts.
/// </summary>
internal sealed class PortCheck(
    IOptions<ServerOptions> options,
    IOptions<TelemetryOptions> telemetry,
    IRunningRelay running,
    TimeProvider clock
) : IDiagnosticCheck
{
    public DiagnosticArea Area => DiagnosticArea.Machine;

    public string Name => "port";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var server = options.Value;
        var address = IPAddress.Parse(server.Host);
        if (server.Port == 0)
        {
            return [Finding.Pass(Name, "PORT=0: the system chooses a free one."), .. OfMetrics()];
        }

        if (TryListen(address, server.Port) is not { } obstacle)
        {
            return [Finding.Pass(Name, $"{server.Host}:{server.Port} is free; no relay runs there."), .. OfMetrics()];
        }

        if (obstacle != SocketError.AddressAlreadyInUse)
        {
            return
            [
                Finding.Fail(
                    Name,
                    $"{server.Host}:{server.Port} can't be listened on ({obstacle}).",
                    "Choose an address of this machine for HOST, and a PORT that this user may use."
                ),
            ];
        }

        var relay = await running.AskAsync(cancellationToken);
        return relay.Answers
            ? [Finding.Pass(Name, $"A relay serves on {server.Host}:{server.Port}."), OfReadiness(relay)]
            :
            [
                Finding.Fail(Name, $"Another program listens on {server.Host}:{server.Port}.", "Stop it, or choose another PORT."),
                .. OfMetrics(),
            ];
    }

    /// <summary>Checks the second port, if there is one. A running relay holds it itself.</summary>
    private IEnumerable<Finding> OfMetrics()
    {
        const string check = "metrics_port";
        if (telemetry.Value.MetricsPort is not (> 0 and var port))
        {
            return [];
        }

        return TryListen(IPAddress.Loopback, port) is null
            ? [Finding.Pass(check, $"127.0.0.1:{port}, for the metrics, is free.")]
            :
            [
                Finding.Fail(
                    check,
                    $"Another program listens on 127.0.0.1:{port}, or this user may not listen there.",
                    "Stop it, or choose another METRICS_PORT."
                ),
            ];
    }

    private Finding OfReadiness(RunningRelay relay)
    {
        const string check = "relay";
        return relay switch
        {
            { IsReady: true, ClaudeVersion: { } version, VerifiedAt: { } at } => Finding.Pass(
                check,
                $"The running relay is ready. It accepted Claude Code {version} "
                    + $"{Math.Max(0, (int)(clock.GetUtcNow() - at).TotalMinutes)} minutes ago: that it is locked down, "
                    + "and the form of its requests."
            ),
            { IsReady: true } => Finding.Pass(check, "The running relay is ready."),
            { Problems: [] } => Finding.Warn(check, "The running relay does not say whether it is ready."),
            _ => Finding.Warn(
                check,
                $"The running relay is not ready: {string.Join(' ', relay.Problems.Select(problem => problem.Message))}",
                "Its log says more."
            ),
        };
    }

    private static SocketError? TryListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return null;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode;
        }
    }
}
