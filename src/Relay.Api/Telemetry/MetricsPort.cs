using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Relay.Api.Authentication;
using Relay.Api.Hosting;
using Relay.Api.OpenApi;
using Relay.Domain.Keys;

namespace Relay.Api.Telemetry;

/// <summary>
/// A separate listener on the loopback address that serves <c>GET /metrics</c> without a key, and nothing else of the relay. The listener
/// of a request is known from its connection, not from the request.
/// </summary>
internal sealed class MetricsPort
{
    public const string Path = "/metrics";

    private static readonly MetricsPort Mark = new();

    /// <summary>The key and the description of the route on the relay's own port.</summary>
    public static IReadOnlyList<object> Metadata { get; } =
    [
        KeyRequired.Instance,
        new RequireScopeAttribute(KeyScopes.Admin),
        new SpeaksAttribute(ApiSurface.Native),
        new HttpMethodMetadata(["GET"]),
        new EndpointNameMetadata("metrics"),
        new TagsAttribute("Health"),
        new EndpointSummaryAttribute("Metrics, for Prometheus"),
        new EndpointDescriptionAttribute(
            "Metrics of the relay and of its runtime. No label has a value that a caller chose. The listener of `METRICS_PORT` serves "
                + "the same on the "
                + "loopback address without a key, and without these headers. A collection that fails is 500 without a body."
        ),
        new AnswersAttribute(200, "The metrics, as OpenMetrics when `Accept` asks for it.", typeof(string), "text/plain"),
        new AnswersAttribute(200, "The metrics, as OpenMetrics when `Accept` asks for it.", typeof(string), "application/openmetrics-text"),
        new SendsAttribute("Vary") { Sometimes = ["Last-Modified", "Content-Encoding"] },
    ];

    private MetricsPort() { }

    public static void Listen(KestrelServerOptions kestrel, int port, SilentConnections silence) =>
        kestrel.Listen(
            IPAddress.Loopback,
            port,
            listen =>
                listen.Use(next =>
                    connection =>
                    {
                        connection.Features.Set(Mark);
                        return silence.WatchAsync(connection, next);
                    }
                )
        );

    /// <summary>Takes the listener's requests out of the pipeline. They get no id and no line in the log.</summary>
    public static void Use(IApplicationBuilder app) =>
        app.MapWhen(
            context => context.Features.Get<MetricsPort>() is not null,
            port =>
            {
                port.Use(
                    (context, next) =>
                    {
                        // A page on another name that was made to resolve to this machine is not Prometheus.
                        context.Response.StatusCode =
                            HostFilter.HostOf(context.Request) is not ("127.0.0.1" or "localhost") ? StatusCodes.Status421MisdirectedRequest
                            : context.Request.Path != Path ? StatusCodes.Status404NotFound
                            : !HttpMethods.IsGet(context.Request.Method) ? StatusCodes.Status405MethodNotAllowed
                            : StatusCodes.Status200OK;
                        return context.Response.StatusCode == StatusCodes.Status200OK ? next(context) : Task.CompletedTask;
                    }
                );
                port.UseOpenTelemetryPrometheusScrapingEndpoint(Path);
            }
        );
}
