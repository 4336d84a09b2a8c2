using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Relay.Api.Hosting;

namespace Relay.Api.Telemetry;

/// <summary>
/// A listener of its own on the loopback address that serves <c>GET /metrics</c> without a key, and nothing else of the relay.
/// Which listener a request came through is known from its connection, not from anything in it.
/// </summary>
internal sealed class MetricsPort
{
    /// <summary>Where the metrics are, on either port.</summary>
    public const string Path = "/metrics";

    private static readonly MetricsPort Mark = new();

    private MetricsPort()
    {
    }

    /// <summary>Adds the listener.</summary>
    public static void Listen(KestrelServerOptions kestrel, int port, SilentConnections silence) => kestrel.Listen(IPAddress.Loopback, port, listen => listen.Use(next => connection =>
    {
        connection.Features.Set(Mark);
        return silence.WatchAsync(connection, next);
    }));

    /// <summary>Takes what came through it out of the pipeline. No id, no line in a log: a scrape is no request of anybody's.</summary>
    public static void Use(IApplicationBuilder app) => app.MapWhen(
        context => context.Features.Get<MetricsPort>() is not null,
        port =>
        {
            port.Use((context, next) =>
            {
                // A page on some other name that was made to resolve to this machine is not Prometheus.
                context.Response.StatusCode = HostFilter.HostOf(context.Request) is not ("127.0.0.1" or "localhost") ? StatusCodes.Status421MisdirectedRequest
                    : context.Request.Path != Path ? StatusCodes.Status404NotFound
                    : !HttpMethods.IsGet(context.Request.Method) ? StatusCodes.Status405MethodNotAllowed
                    : StatusCodes.Status200OK;
                return context.Response.StatusCode == StatusCodes.Status200OK ? next(context) : Task.CompletedTask;
            });
            port.UseOpenTelemetryPrometheusScrapingEndpoint(Path);
        });
}
