using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Domain;

namespace Relay.Api.Anthropic;

/// <summary>An error, in Anthropic's format.</summary>
/// <param name="Type">Always <c>error</c>.</param>
/// <param name="Error">The error.</param>
/// <param name="RequestId">The id of the request.</param>
internal sealed record AnthropicError(
    [property: Values("error")] string Type,
    AnthropicErrorDetail Error,
    [property: RegularExpression(Patterns.RequestId)] string RequestId
)
{
    /// <summary>The field with which a client has Anthropic keep its conversation.</summary>
    public const string Thread = "thread";

    public static AnthropicError From(RelayError error, string requestId) =>
        new(
            "error",
            new AnthropicErrorDetail(TypeOf(error.Code), error.Message)
            {
                Details = error.Field == Thread ? new AnthropicErrorDetails("thread_unsupported_request", [Thread]) : null,
            },
            requestId
        );

    private static string TypeOf(ErrorCode code) =>
        code switch
        {
            ErrorCode.Unauthorized => "authentication_error",
            ErrorCode.Forbidden => "permission_error",
            ErrorCode.NotFound or ErrorCode.UnknownModel => "not_found_error",
            ErrorCode.TooLarge => "request_too_large",
            ErrorCode.Conflict or ErrorCode.IdempotencyInFlight => "conflict_error",
            ErrorCode.RateLimited
            or ErrorCode.DailyLimit
            or ErrorCode.GlobalDailyLimit
            or ErrorCode.QueueFull
            or ErrorCode.UpstreamRateLimited => "rate_limit_error",
            ErrorCode.Overloaded or ErrorCode.ShuttingDown or ErrorCode.StateUnavailable => "overloaded_error",
            ErrorCode.Timeout => "timeout_error",
            ErrorCode.InternalError
            or ErrorCode.UpstreamError
            or ErrorCode.FetchFailed
            or ErrorCode.NotLoggedIn
            or ErrorCode.ClaudeMissing
            or ErrorCode.LockdownViolation => "api_error",
            _ => "invalid_request_error",
        };
}

/// <summary>The error itself.</summary>
/// <param name="Type">The kind of the error in Anthropic's API.</param>
/// <param name="Message">Advice for people.</param>
internal sealed record AnthropicErrorDetail(
    [property: Values(
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "conflict_error",
        "rate_limit_error",
        "overloaded_error",
        "timeout_error",
        "api_error"
    )]
        string Type,
    [property: MinLength(1)] string Message
)
{
    /// <summary>
    /// The reason for programs; only where the request asks for a thread. Anthropic's SDK then sends the whole conversation instead.
    /// </summary>
    public AnthropicErrorDetails? Details { get; init; }
}

/// <summary>The reason for programs.</summary>
/// <param name="ErrorCode">The reason.</param>
/// <param name="Unsupported">The fields that the relay does not support.</param>
internal sealed record AnthropicErrorDetails(
    [property: Values("thread_unsupported_request")] string ErrorCode,
    IReadOnlyList<string> Unsupported
);
