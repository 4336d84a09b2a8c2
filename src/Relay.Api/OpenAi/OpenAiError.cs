using System.Text.Json.Serialization;
using Relay.Domain;

namespace Relay.Api.OpenAi;

/// <summary>A failure in OpenAI's words. Every value is a string or null: its .NET SDK loses what is anything else.</summary>
internal sealed record OpenAiError(OpenAiErrorDetail Error)
{
    /// <summary>Maps an error.</summary>
    public static OpenAiError From(RelayError error) => new(new OpenAiErrorDetail(error.Message, TypeOf(error.Code), error.Field, CodeOf(error)));

    private static string TypeOf(ErrorCode code) => code switch
    {
        ErrorCode.RateLimited => "requests",
        ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.UpstreamRateLimited => "insufficient_quota",
        ErrorCode.InternalError or ErrorCode.UpstreamError or ErrorCode.NotLoggedIn or ErrorCode.ClaudeMissing or ErrorCode.LockdownViolation
            or ErrorCode.Overloaded or ErrorCode.QueueFull or ErrorCode.ShuttingDown or ErrorCode.StateUnavailable or ErrorCode.Timeout => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>OpenAI's own word where programs look for it, the relay's elsewhere.</summary>
    private static string CodeOf(RelayError error) => error.Code switch
    {
        ErrorCode.Unauthorized => "invalid_api_key",
        ErrorCode.UnknownModel => "model_not_found",
        ErrorCode.RateLimited => "rate_limit_exceeded",
        ErrorCode.PromptTooLong => "context_length_exceeded",
        // SDKs and LangChain read the code, and try again where it does not say this.
        ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.UpstreamRateLimited => "insufficient_quota",
        _ => error.WireName,
    };
}

/// <param name="Message">What to do about it.</param>
/// <param name="Type">OpenAI's kind.</param>
/// <param name="Param">The parameter at fault.</param>
/// <param name="Code">What happened.</param>
internal sealed record OpenAiErrorDetail(
    string Message, string Type, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Code);
