using Relay.Domain;

namespace Relay.Api.Anthropic;

/// <summary>A failure in Anthropic's words.</summary>
internal sealed record AnthropicError(string Type, AnthropicErrorDetail Error, string RequestId)
{
    /// <summary>Maps an error.</summary>
    public static AnthropicError From(RelayError error, string requestId) => new("error", new AnthropicErrorDetail(TypeOf(error.Code), error.Message), requestId);

    private static string TypeOf(ErrorCode code) => code switch
    {
        ErrorCode.Unauthorized => "authentication_error",
        ErrorCode.Forbidden => "permission_error",
        ErrorCode.NotFound or ErrorCode.UnknownModel => "not_found_error",
        ErrorCode.TooLarge => "request_too_large",
        ErrorCode.Conflict or ErrorCode.IdempotencyInFlight => "conflict_error",
        ErrorCode.RateLimited or ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.QueueFull or ErrorCode.UpstreamRateLimited => "rate_limit_error",
        ErrorCode.Overloaded or ErrorCode.ShuttingDown or ErrorCode.StateUnavailable => "overloaded_error",
        ErrorCode.Timeout => "timeout_error",
        ErrorCode.InternalError or ErrorCode.UpstreamError or ErrorCode.FetchFailed or ErrorCode.NotLoggedIn or ErrorCode.ClaudeMissing
            or ErrorCode.LockdownViolation => "api_error",
        _ => "invalid_request_error",
    };
}

/// <param name="Type">Anthropic's kind.</param>
/// <param name="Message">What to do about it.</param>
internal sealed record AnthropicErrorDetail(string Type, string Message);
