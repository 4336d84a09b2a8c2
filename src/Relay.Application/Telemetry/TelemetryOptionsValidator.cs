using System.Net;
using Microsoft.Extensions.Options;

namespace Relay.Application.Telemetry;

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
