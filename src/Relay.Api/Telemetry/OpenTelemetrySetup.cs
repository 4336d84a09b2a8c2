using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Relay.Application.Telemetry;

namespace Relay.Api.Telemetry;

/// <summary>The one place that knows OpenTelemetry's SDK: everything else measures with what .NET itself has.</summary>
internal static class OpenTelemetrySetup
{
    /// <summary>
    /// Series of one instrument, at most: its closed labels make far fewer. Should one ever not be closed, the rest are counted
    /// together, and the relay's memory stays what it is.
    /// </summary>
    private const int CardinalityLimit = 500;

    /// <summary>Whether there is a collector to send to.</summary>
    public static bool HasCollector(IConfiguration configuration) => !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);

    /// <summary>
    /// Metrics for whoever scrapes them; with a collector these, traces and logs for it. Endpoint, protocol and headers the SDK
    /// reads by itself, by the names of <see cref="TelemetryOptions"/> and from the same configuration.
    /// </summary>
    public static void AddRelayTelemetry(this WebApplicationBuilder builder)
    {
        var options = new TelemetryOptions();
        var hasCollector = HasCollector(builder.Configuration);
        var name = builder.Configuration["OTEL_SERVICE_NAME"] is { Length: > 0 } given ? given : options.ServiceName;
        var telemetry = builder
            .Services.AddOpenTelemetry()
            .ConfigureResource(resource =>
                resource.AddService(name, serviceVersion: typeof(OpenTelemetrySetup).Assembly.GetName().Version?.ToString(3))
            )
            .WithMetrics(metrics =>
            {
                metrics
                    .AddMeter(RelayMetrics.MeterName, "System.Runtime")
                    .AddView(_ => new MetricStreamConfiguration { CardinalityLimit = CardinalityLimit })
                    .AddPrometheusExporter();
                if (hasCollector)
                {
                    metrics.AddOtlpExporter(Bounded);
                }
            });
        if (hasCollector)
        {
            builder.Services.AddSingleton<ExportFailures>();
            telemetry
                .WithTracing(traces =>
                    traces
                        .AddSource(RelayTracing.SourceName)
                        .SetSampler(services => new ParentBasedSampler(
                            new TraceIdRatioBasedSampler(
                                services
                                    .GetRequiredService<Microsoft.Extensions.Options.IOptions<TelemetryOptions>>()
                                    .Value.TraceSamplePercent / 100.0
                            )
                        ))
                        .AddOtlpExporter(Bounded)
                )
                .WithLogging(logs => logs.AddOtlpExporter(Bounded), log => log.IncludeFormattedMessage = true);
        }

        // Before all others: they stop in the reverse order, and what they say while they do is exported, too.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService, TelemetryService>());
    }

    /// <summary>The metrics for keys that are trusted with what concerns other keys.</summary>
    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint(MetricsPort.Path[1..]).WithMetadata([.. MetricsPort.Metadata]);

    private static void Bounded(OtlpExporterOptions exporter) => exporter.TimeoutMilliseconds = TelemetryService.PatienceMilliseconds;
}
