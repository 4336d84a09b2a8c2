using System.Text.Json;

namespace Relay.Domain;

/// <summary>An expected failure, as data.</summary>
/// <param name="Code">The kind of failure.</param>
/// <param name="Message">A sentence for the caller: it says what to do next, and never holds a secret or a prompt.</param>
/// <param name="Field">The wire name of the request field at fault; null for none.</param>
/// <param name="RetryAfter">The wait before the same request can succeed; null when it is unknown.</param>
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
