using System.Text;

namespace Relay.AnthropicSimulator;

/// <summary>Errors in Anthropic's shape (https://docs.anthropic.com/en/api/errors).</summary>
internal sealed record ErrorAnswer(int Status, string Type, string Message)
{
    public static ErrorAnswer NoCredentials { get; } = new(401, "authentication_error", "x-api-key header is required");

    public static ErrorAnswer NotFound { get; } = new(404, "not_found_error", "Not found");

    public static ErrorAnswer InvalidRequest(string message) => new(400, "invalid_request_error", message);

    /// <summary>The answer of a failure that is a plain HTTP error; null for the others.</summary>
    public static ErrorAnswer? For(UpstreamFailure failure, string? model, string? message = null) =>
        failure switch
        {
            UpstreamFailure.Unauthorized => new(401, "authentication_error", "invalid x-api-key"),
            UpstreamFailure.Forbidden => new(403, "permission_error", "Request not allowed"),
            UpstreamFailure.PromptTooLong => InvalidRequest("prompt is too long: 210000 tokens > 200000 maximum"),
            UpstreamFailure.InvalidRequest => InvalidRequest(message ?? "messages.0.content: simulated invalid request"),
            UpstreamFailure.ModelNotFound => new(404, "not_found_error", "model: " + model),
            UpstreamFailure.RateLimited or UpstreamFailure.UsageLimitReached => new(
                429,
                "rate_limit_error",
                "This request would exceed your account's rate limit. Please try again later."
            ),
            UpstreamFailure.Overloaded => new(529, "overloaded_error", "Overloaded"),
            UpstreamFailure.ServerError => new(500, "api_error", "Internal server error"),
            _ => null,
        };

    public async Task WriteAsync(HttpContext http, CancellationToken ct)
    {
        var requestId = http.Response.Headers["request-id"].ToString();
        var body = Encoding.UTF8.GetBytes(
            $$$"""{"type":"error","error":{"type":"{{{Type}}}","message":{{{AnswerJson.Quote(Message)}}}},"request_id":{{{AnswerJson.Quote(requestId)}}}}"""
        );
        http.Response.StatusCode = Status;
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, ct);
    }
}
