using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Relay.Api.OpenApi;
using Relay.Domain;

namespace Relay.Api.OpenAi;

/// <summary>An error, in OpenAI's format. Every value is a string or null, because OpenAI's .NET SDK loses other values.</summary>
/// <param name="Error">The error.</param>
internal sealed record OpenAiError(OpenAiErrorDetail Error)
{
    public static OpenAiError From(RelayError error) =>
        new(new OpenAiErrorDetail(error.Message, TypeOf(error.Code), error.Field, CodeOf(error)));

    private static string TypeOf(ErrorCode code) =>
        code switch
        {
            ErrorCode.RateLimited => "requests",
            ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.UpstreamRateLimited => "insufficient_quota",
            ErrorCode.InternalError
            or ErrorCode.UpstreamError
            or ErrorCode.NotLoggedIn
            or ErrorCode.ClaudeMissing
            or ErrorCode.LockdownViolation
            or ErrorCode.Overloaded
            or ErrorCode.QueueFull
            or ErrorCode.ShuttingDown
            or ErrorCode.StateUnavailable
            or ErrorCode.Timeout => "server_error",
            _ => "invalid_request_error",
        };

    /// <summary>OpenAI's own code where programs look for it, otherwise the relay's.</summary>
    private static string CodeOf(RelayError error) =>
        error.Code switch
        {
            ErrorCode.Unauthorized => "invalid_api_key",
            ErrorCode.UnknownModel => "model_not_found",
            ErrorCode.RateLimited => "rate_limit_exceeded",
            ErrorCode.PromptTooLong => "context_length_exceeded",
            // SDKs and LangChain read the code, and try again unless it is this one.
            ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.UpstreamRateLimited => "insufficient_quota",
            _ => error.WireName,
        };
}

/// <summary>The error itself.</summary>
/// <param name="Message">Advice for people.</param>
/// <param name="Type">The kind of the error in OpenAI's API.</param>
/// <param name="Param">The parameter or header at fault, where there is one.</param>
/// <param name="Code">
/// The code of the relay, or OpenAI's code where programs look for it: <c>invalid_api_key</c>, <c>model_not_found</c>,
/// <c>rate_limit_exceeded</c>, <c>context_length_exceeded</c>, <c>insufficient_quota</c>.
/// </param>
internal sealed record OpenAiErrorDetail(
    [property: MinLength(1)] string Message,
    [property: Values("invalid_request_error", "requests", "insufficient_quota", "server_error")] string Type,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code
);
