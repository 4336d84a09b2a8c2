using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Relay.Domain;

namespace Relay.Api.Http;

/// <summary>The body of every failure.</summary>
internal sealed record ErrorContract(bool Ok, ErrorDetail Error, string RequestId);

/// <param name="Code">The error's wire name.</param>
/// <param name="Message">What to do about it.</param>
/// <param name="Field">The field at fault, if one is.</param>
internal sealed record ErrorDetail(string Code, string Message, string? Field);

/// <summary>Turns errors into answers; holds the one table from error to status.</summary>
internal static class ErrorResponse
{
    /// <summary>The status of an error.</summary>
    public static int StatusOf(ErrorCode code) => code switch
    {
        ErrorCode.InvalidRequest or ErrorCode.InvalidJson or ErrorCode.UnknownModel or ErrorCode.PromptTooLong or ErrorCode.UrlRejected =>
            StatusCodes.Status400BadRequest,
        ErrorCode.Unauthorized => StatusCodes.Status401Unauthorized,
        ErrorCode.Forbidden => StatusCodes.Status403Forbidden,
        ErrorCode.NotFound => StatusCodes.Status404NotFound,
        ErrorCode.MethodNotAllowed => StatusCodes.Status405MethodNotAllowed,
        ErrorCode.Conflict => StatusCodes.Status409Conflict,
        ErrorCode.TooLarge => StatusCodes.Status413PayloadTooLarge,
        ErrorCode.UnsupportedMediaType or ErrorCode.UnsupportedContentType => StatusCodes.Status415UnsupportedMediaType,
        ErrorCode.WrongHost => StatusCodes.Status421MisdirectedRequest,
        ErrorCode.RateLimited or ErrorCode.DailyLimit or ErrorCode.GlobalDailyLimit or ErrorCode.QueueFull or ErrorCode.UpstreamRateLimited => StatusCodes.Status429TooManyRequests,
        ErrorCode.ClientClosed => StatusCodes.Status499ClientClosedRequest,
        ErrorCode.InternalError => StatusCodes.Status500InternalServerError,
        ErrorCode.UpstreamError or ErrorCode.FetchFailed => StatusCodes.Status502BadGateway,
        ErrorCode.NotLoggedIn or ErrorCode.ClaudeMissing or ErrorCode.LockdownViolation or ErrorCode.Overloaded or ErrorCode.ShuttingDown =>
            StatusCodes.Status503ServiceUnavailable,
        ErrorCode.Timeout => StatusCodes.Status504GatewayTimeout,
        _ => throw new InvalidOperationException($"{code} has no status."),
    };

    /// <summary>The one answer to whoever has no good key.</summary>
    public static RelayError Unauthorized { get; } = new(ErrorCode.Unauthorized, "Send a valid key as 'Authorization: Bearer KEY'.");

    /// <summary>An error as an action's result.</summary>
    public static IActionResult ToActionResult(this RelayError error) => new ErrorResult(error);

    /// <summary>Writes an error where there is no action.</summary>
    public static Task WriteAsync(HttpContext context, RelayError error)
    {
        SetHeaders(context, error);
        var contract = new ErrorContract(Ok: false, new ErrorDetail(error.WireName, error.Message, error.Field), context.Log().RequestId);
        var body = JsonSerializer.SerializeToUtf8Bytes(contract, JsonContract.Options);
        var response = context.Response;
        response.StatusCode = StatusOf(error.Code);
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>Gives the framework's own empty refusals (no route, wrong method) the relay's shape.</summary>
    public static Task WriteForStatusAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => WriteAsync(context, new RelayError(ErrorCode.NotFound, "There is no such route. POST /v1/complete, POST /v1/fetch, GET /v1/models and GET /v1/usage are.")),
        StatusCodes.Status405MethodNotAllowed => WriteAsync(
            context, new RelayError(ErrorCode.MethodNotAllowed, $"This route takes {context.Response.Headers.Allow} only.")),
        StatusCodes.Status415UnsupportedMediaType => WriteAsync(context, new RelayError(ErrorCode.UnsupportedMediaType, "Send JSON in UTF-8, with 'Content-Type: application/json'.")),
        _ => Task.CompletedTask,
    };

    private static void SetHeaders(HttpContext context, RelayError error)
    {
        context.Log().Error = error.WireName;
        if (error.RetryAfter is { } wait)
        {
            // Rounded up: a client that waits this long must not come too early.
            context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }
    }

    private sealed class ErrorResult(RelayError error) : IActionResult
    {
        public Task ExecuteResultAsync(ActionContext context) => WriteAsync(context.HttpContext, error);
    }
}
