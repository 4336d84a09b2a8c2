using System.Net;
using Microsoft.Extensions.Options;
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

internal sealed class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>
{
    public ValidateOptionsResult Validate(string? name, TelemetryOptions options)
    {
        var problems = new List<string>();
        if (
            options.OtlpEndpoint is { } endpoint
            && (!(endpoint.Scheme is "http" or "https") || endpoint.UserInfo.Length > 0 || endpoint.Query.Length > 0)
        )
        {
            // The value is not shown, because it may hold a secret.
            problems.Add("OTEL_EXPORTER_OTLP_ENDPOINT: must be an http or https URL. Put credentials into OTEL_EXPORTER_OTLP_HEADERS.");
        }

        if (options.OtlpProtocol is not (TelemetryOptions.Grpc or TelemetryOptions.HttpProtobuf))
        {
            problems.Add(
                $"OTEL_EXPORTER_OTLP_PROTOCOL: '{options.OtlpProtocol}' is neither {TelemetryOptions.Grpc} nor "
                    + $"{TelemetryOptions.HttpProtobuf}."
            );
        }

        if (options.OtlpHeaders is { } headers && !headers.Split(',').All(IsHeader))
        {
            problems.Add("OTEL_EXPORTER_OTLP_HEADERS: *** is not NAME=VALUE,NAME=VALUE. Percent-encode special characters in a value.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static bool IsHeader(string text) =>
        text.Split('=', 2, StringSplitOptions.TrimEntries) is [{ Length: > 0 } name, { Length: > 0 } value]
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.')
        && value.All(letter => letter is >= ' ' and <= '~')
        && WebUtility.UrlDecode(value).All(letter => letter is >= ' ' and <= '~');
}
