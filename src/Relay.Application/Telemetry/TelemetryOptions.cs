using System.Net;
using Microsoft.Extensions.Options;
using Relay.Application.Configuration;

namespace Relay.Application.Telemetry;

/// <summary>
/// Where metrics, traces and logs go besides <c>/metrics</c> and standard output. The names are those of OpenTelemetry's
/// specification, so that what an operator's other programs are set to works here, too.
/// </summary>
public sealed class TelemetryOptions
{
    [Setting("METRICS_PORT", "A port on 127.0.0.1 that serves GET /metrics to Prometheus without a key, and nothing else; 0 for any free one, none when unset.", Min = "0", Max = "65535")]
    public int? MetricsPort { get; set; }

    [Setting("OTEL_EXPORTER_OTLP_ENDPOINT", "The OpenTelemetry collector that traces, metrics and logs go to, such as http://127.0.0.1:4317; nowhere when unset.")]
    public Uri? OtlpEndpoint { get; set; }

    [Setting("OTEL_EXPORTER_OTLP_PROTOCOL", "How to speak to the collector: grpc (usually port 4317) or http/protobuf (usually 4318).")]
    public string OtlpProtocol { get; set; } = Grpc;

    [Setting("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector, such as api-key=…,other=….", Secret = true)]
    public string? OtlpHeaders { get; set; }

    [Setting("OTEL_SERVICE_NAME", "The name this relay has in what it exports.")]
    public string ServiceName { get; set; } = "claude-relay";

    [Setting("TRACE_SAMPLE_PERCENT", "Percentage of requests traced when the caller sends no trace context; otherwise the caller decides.", Min = "0", Max = "100")]
    public int TraceSamplePercent { get; set; } = 100;

    internal const string Grpc = "grpc";
    internal const string HttpProtobuf = "http/protobuf";
}

internal sealed class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>
{
    public ValidateOptionsResult Validate(string? name, TelemetryOptions options)
    {
        var problems = new List<string>();
        if (options.OtlpEndpoint is { } endpoint && (!(endpoint.Scheme is "http" or "https") || endpoint.UserInfo.Length > 0 || endpoint.Query.Length > 0))
        {
            // Not shown: what does not belong there may be a secret.
            problems.Add("OTEL_EXPORTER_OTLP_ENDPOINT: it is no plain http or https URL; credentials go into OTEL_EXPORTER_OTLP_HEADERS.");
        }

        if (options.OtlpProtocol is not (TelemetryOptions.Grpc or TelemetryOptions.HttpProtobuf))
        {
            problems.Add($"OTEL_EXPORTER_OTLP_PROTOCOL: '{options.OtlpProtocol}' is neither {TelemetryOptions.Grpc} nor {TelemetryOptions.HttpProtobuf}.");
        }

        if (options.OtlpHeaders is { } headers && !headers.Split(',').All(IsHeader))
        {
            problems.Add("OTEL_EXPORTER_OTLP_HEADERS: *** is not NAME=VALUE,NAME=VALUE, with what is special in a value percent-encoded.");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static bool IsHeader(string text) =>
        text.Split('=', 2, StringSplitOptions.TrimEntries) is [{ Length: > 0 } name, { Length: > 0 } value]
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.')
        && value.All(letter => letter is >= ' ' and <= '~')
        && WebUtility.UrlDecode(value).All(letter => letter is >= ' ' and <= '~');
}
