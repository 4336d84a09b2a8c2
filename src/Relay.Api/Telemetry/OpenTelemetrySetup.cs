using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Relay.Application.Telemetry;

namespace Relay.Api.Telemetry;

/// <summary>The one place that knows OpenTelemetry's SDK. All other code measures with .NET itself.</summary>
internal static class OpenTelemetrySetup
{
    /// <summary>
    /// Most series of one instrument. Its closed labels make far fewer. If a label were ever not closed, the other series would be
    /// counted together, and the relay's memory would not grow.
    /// </summary>
    private const int CardinalityLimit = 500;

    public static bool HasCollector(IConfiguration configuration) => !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);

    /// <summary>
    /// Adds metrics for scrapers; with a collector also sends metrics, traces and logs to it. The SDK reads endpoint, protocol and
    /// headers itself, by the names of <see cref="TelemetryOptions"/> and from the same configuration.
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

        // Before all others: services stop in the reverse order, and their last log lines are exported, too.
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService, TelemetryService>());
    }

    /// <summary>Maps the metrics, for keys with the scope for facts about other keys.</summary>
    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint(MetricsPort.Path[1..]).WithMetadata([.. MetricsPort.Metadata]);

    private static void Bounded(OtlpExporterOptions exporter) => exporter.TimeoutMilliseconds = TelemetryService.PatienceMilliseconds;
}
