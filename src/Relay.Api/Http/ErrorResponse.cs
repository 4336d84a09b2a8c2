using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Anthropic;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>An error, in the relay's own format. docs/errors.md explains every code.</summary>
/// <param name="Ok">Always false.</param>
/// <param name="Error">The error.</param>
/// <param name="RequestId">The id of the request.</param>
internal sealed record ErrorContract(
    [property: Values(false)] bool Ok,
    ErrorDetail Error,
    [property: RegularExpression(Patterns.RequestId)] string RequestId
)
{
    public static ErrorContract From(RelayError error, string requestId) =>
        new(Ok: false, new ErrorDetail(error.WireName, error.Message, error.Field), requestId);
}

/// <summary>An error or a known problem.</summary>
/// <param name="Code">The kind of the error. Programs decide by the code.</param>
/// <param name="Message">Advice for people. The words may change.</param>
/// <param name="Field">The field or header at fault, where there is one.</param>
internal sealed record ErrorDetail(
    [property: RegularExpression("^[a-z_]+$")] string Code,
    [property: MinLength(1)] string Message,
    string? Field
);

/// <summary>Turns errors into answers; holds the one table from error to status.</summary>
internal static class ErrorResponse
{
    public static int StatusOf(ErrorCode code) =>
        code switch
        {
            ErrorCode.InvalidRequest
            or ErrorCode.InvalidJson
            or ErrorCode.UnknownModel
            or ErrorCode.PromptTooLong
            or ErrorCode.UrlRejected => StatusCodes.Status400BadRequest,
            ErrorCode.Unauthorized => StatusCodes.Status401Unauthorized,
            ErrorCode.Forbidden => StatusCodes.Status403Forbidden,
            ErrorCode.NotFound => StatusCodes.Status404NotFound,
            ErrorCode.MethodNotAllowed => StatusCodes.Status405MethodNotAllowed,
            ErrorCode.Conflict or ErrorCode.IdempotencyInFlight => StatusCodes.Status409Conflict,
            ErrorCode.TooLarge => StatusCodes.Status413PayloadTooLarge,
            ErrorCode.UnsupportedMediaType or ErrorCode.UnsupportedContentType => StatusCodes.Status415UnsupportedMediaType,
            ErrorCode.WrongHost => StatusCodes.Status421MisdirectedRequest,
            ErrorCode.IdempotencyMismatch or ErrorCode.SchemaNotSatisfied => StatusCodes.Status422UnprocessableEntity,
            ErrorCode.RateLimited
            or ErrorCode.DailyLimit
            or ErrorCode.GlobalDailyLimit
            or ErrorCode.QueueFull
            or ErrorCode.UpstreamRateLimited => StatusCodes.Status429TooManyRequests,
            ErrorCode.ClientClosed => StatusCodes.Status499ClientClosedRequest,
            ErrorCode.InternalError => StatusCodes.Status500InternalServerError,
            ErrorCode.UpstreamError or ErrorCode.FetchFailed => StatusCodes.Status502BadGateway,
            ErrorCode.NotLoggedIn
            or ErrorCode.ClaudeMissing
            or ErrorCode.LockdownViolation
            or ErrorCode.Overloaded
            or ErrorCode.ShuttingDown
            or ErrorCode.StateUnavailable => StatusCodes.Status503ServiceUnavailable,
            ErrorCode.Timeout => StatusCodes.Status504GatewayTimeout,
            _ => throw new InvalidOperationException($"{code} has no status."),
        };

    /// <summary>
    /// The status of an error where another API has its own status for it. An error that has cost money has a status that no client repeats
    /// by itself: LangChain repeats a 422 and each 5xx six times, OpenAI's .NET SDK and Vercel's SDK each 5xx, whatever
    /// <c>x-should-retry</c> says.
    /// </summary>
    public static int StatusOf(ErrorCode code, ApiSurface surface, bool hasCost = false)
    {
        var status = StatusIn(code, surface);
        return surface != ApiSurface.Native && (hasCost || code == ErrorCode.SchemaNotSatisfied) && !IsNeverRepeated(status)
            ? StatusCodes.Status400BadRequest
            : status;
    }

    private static bool IsNeverRepeated(int status) => status is >= 400 and <= 405 or StatusCodes.Status413PayloadTooLarge;

    private static int StatusIn(ErrorCode code, ApiSurface surface) =>
        (surface, code) switch
        {
            (ApiSurface.OpenAi or ApiSurface.Anthropic, ErrorCode.UnknownModel) => StatusCodes.Status404NotFound,
            (ApiSurface.Anthropic, ErrorCode.Overloaded) => AnthropicOverloaded,
            _ => StatusOf(code),
        };

    private const int AnthropicOverloaded = 529;

    /// <summary>The longest wait that is told. SDKs of other APIs sleep as long as they are told, and one of them for a day.</summary>
    private static readonly TimeSpan LongestToldWait = TimeSpan.FromMinutes(1);

    /// <summary>The one answer to a request without a good key.</summary>
    public static RelayError Unauthorized { get; } = new(ErrorCode.Unauthorized, "Send a valid key as 'Authorization: Bearer KEY'.");

    public static IActionResult ToActionResult(this RelayError error) => new ErrorResult(error);

    /// <summary>Writes an error as the answer.</summary>
    public static Task WriteAsync(HttpContext context, RelayError error)
    {
        var surface = context.Surface();
        context.Log().Error = error.WireName;
        SetRetry(context, error, surface);
        context.Response.Headers.Remove(LenientBody.IgnoredHeader); // The header belongs to an answer that succeeded.
        var body = Serialize(error, surface, context.Log().RequestId);
        var response = context.Response;
        response.StatusCode = StatusOf(error.Code, surface, HasCost(context));
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        return AnswerBudget.SendAsync(response, body, context.RequestAborted);
    }

    private static byte[] Serialize(RelayError error, ApiSurface surface, string requestId) =>
        surface switch
        {
            ApiSurface.OpenAi => JsonSerializer.SerializeToUtf8Bytes(OpenAiError.From(error), JsonContract.Options),
            ApiSurface.Anthropic => JsonSerializer.SerializeToUtf8Bytes(AnthropicError.From(error, requestId), JsonContract.Options),
            _ => JsonSerializer.SerializeToUtf8Bytes(ErrorContract.From(error, requestId), JsonContract.Options),
        };

    /// <summary>Gives the framework's own empty refusals (no route, wrong method) the relay's format.</summary>
    public static Task WriteForStatusAsync(HttpContext context) =>
        context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => WriteAsync(
                context,
                new RelayError(ErrorCode.NotFound, "There is no such route. GET /docs lists all routes.")
            ),
            StatusCodes.Status405MethodNotAllowed => WriteAsync(
                context,
                new RelayError(ErrorCode.MethodNotAllowed, $"This route takes {context.Response.Headers.Allow} only.")
            ),
            StatusCodes.Status415UnsupportedMediaType => WriteAsync(
                context,
                new RelayError(ErrorCode.UnsupportedMediaType, "Send JSON in UTF-8, with 'Content-Type: application/json'.")
            ),
            _ => Task.CompletedTask,
        };

    private static void SetRetry(HttpContext context, RelayError error, ApiSurface surface)
    {
        var headers = context.Response.Headers;
        var isFar = error.RetryAfter > LongestToldWait;
        if (error.RetryAfter is { } wait && (surface == ApiSurface.Native || !isFar))
        {
            // Rounded up: a client that waits this long must not come too early.
            headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (surface != ApiSurface.Native)
        {
            // After a cost, a person decides about a repeat.
            headers["x-should-retry"] = IsWorthRetrying(error.Code) && !isFar && !HasCost(context) ? "true" : "false";
        }
    }

    private static bool HasCost(HttpContext context) => context.Features.Get<RequestContext>()?.CostUsd > 0;

    /// <summary>Whether the same request may succeed later, without a change.</summary>
    public static bool IsWorthRetrying(ErrorCode code) =>
        code
            is ErrorCode.RateLimited
                or ErrorCode.DailyLimit
                or ErrorCode.GlobalDailyLimit
                or ErrorCode.QueueFull
                or ErrorCode.UpstreamRateLimited
                or ErrorCode.UpstreamError
                or ErrorCode.Overloaded
                or ErrorCode.ShuttingDown
                or ErrorCode.StateUnavailable
                or ErrorCode.IdempotencyInFlight;

    private sealed class ErrorResult(RelayError error) : IActionResult
    {
        public Task ExecuteResultAsync(ActionContext context) => WriteAsync(context.HttpContext, error);
    }
}
