using System.Text.Json;

namespace Relay.Domain;

/// <summary>An expected failure, as data.</summary>
/// <param name="Code">What failed.</param>
/// <param name="Message">A sentence for the caller: says what to do next and never holds a secret or a prompt.</param>
/// <param name="Field">The request field at fault, in its wire name, where there is one.</param>
/// <param name="RetryAfter">How long to wait before the same request can succeed, where that is known.</param>
public sealed record RelayError(ErrorCode Code, string Message, string? Field = null, TimeSpan? RetryAfter = null)
{
    /// <summary>The code as callers see it: <c>rate_limited</c> for <c>RateLimited</c>.</summary>
    public string WireName => Code.WireName();

    /// <summary>A 400 that names the field.</summary>
    public static RelayError Invalid(string field, string message) => new(ErrorCode.InvalidRequest, message, field);
}

/// <summary>The names of errors.</summary>
public static class ErrorCodes
{
    private static readonly string[] WireNames = [.. Enum.GetNames<ErrorCode>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];

    /// <summary>The code as callers see it: <c>rate_limited</c> for <see cref="ErrorCode.RateLimited"/>.</summary>
    public static string WireName(this ErrorCode code) => WireNames[(int)code];
}
