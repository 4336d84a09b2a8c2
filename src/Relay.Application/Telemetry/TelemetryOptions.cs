using Relay.Application.Configuration;

namespace Relay.Application.Telemetry;

/// <summary>
/// The targets of metrics, traces and logs besides <c>/metrics</c> and standard output. The names are those of OpenTelemetry's
/// specification, so that the settings of an operator's other programs work here, too.
/// </summary>
public sealed class TelemetryOptions
{
    [Setting(
        "METRICS_PORT",
        "Serve GET /metrics to Prometheus on this port of 127.0.0.1, without a key; 0 for any free port. When "
            + "unset, there is no such port.",
        Min = "0",
        Max = "65535"
    )]
    public int? MetricsPort { get; set; }

    [Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Send traces, metrics and logs to this OpenTelemetry collector, such as http://127.0.0.1:4317. When unset, nothing is sent."
    )]
    public Uri? OtlpEndpoint { get; set; }

    [Setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "Speak this protocol to the collector: grpc (usually port 4317) or http/protobuf (usually 4318)."
    )]
    public string OtlpProtocol { get; set; } = Grpc;

    [Setting("OTEL_EXPORTER_OTLP_HEADERS", "Send these headers to the collector, such as api-key=…,other=….", Secret = true)]
    public string? OtlpHeaders { get; set; }

    [Setting("OTEL_SERVICE_NAME", "Export under this service name.")]
    public string ServiceName { get; set; } = "claude-relay";

    [Setting(
        "TRACE_SAMPLE_PERCENT",
        "Trace this percentage of the requests without a trace context. For the others the caller decides.",
        Min = "0",
        Max = "100"
    )]
    public int TraceSamplePercent { get; set; } = 100;

    internal const string Grpc = "grpc";
    internal const string HttpProtobuf = "http/protobuf";
}
