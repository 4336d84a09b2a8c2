using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ApiGate;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Failures of one turn, as the API or Claude Code reports them, and the account's limit that a turn ran into.</summary>
internal sealed class TurnFailures(TimeProvider clock)
{
    private UpstreamLimit? _rejection;

    public bool LoginRefused { get; private set; }

    public UpstreamLimit? HitLimit { get; private set; }

    /// <summary>The time until the rejecting limit resets; null when none rejected, or its reset is unknown or past.</summary>
    public TimeSpan? RetryAfter =>
        _rejection?.ResetsAt is { } resetsAt && resetsAt > clock.GetUtcNow() ? resetsAt - clock.GetUtcNow() : null;

    public TurnOutcome.Failed Fail(ClaudeFailure failure)
    {
        var error = ClaudeFailures.ToError(failure);
        LoginRefused = failure.IsLoginRefused;
        if (error.Code == ErrorCode.UpstreamRateLimited)
        {
            HitLimit = _rejection ?? new UpstreamLimit(null, failure.RetryAfter is { } wait ? clock.GetUtcNow() + wait : null);
        }

        return new TurnOutcome.Failed(error);
    }

    /// <summary>The HTTP status that an error has where it comes before the stream.</summary>
    public static long? StatusOf(string? errorType) =>
        errorType switch
        {
            "invalid_request_error" => 400,
            "authentication_error" => 401,
            "permission_error" => 403,
            "not_found_error" => 404,
            "request_too_large" => 413,
            "rate_limit_error" => 429,
            "overloaded_error" => 529,
            "api_error" => 500,
            _ => null,
        };

    public TurnOutcome.Failed Fail(ApiFailure failure)
    {
        _rejection = failure.Limit ?? _rejection;
        var isTooLong =
            failure.Status is 400 or 413 && failure.Message?.StartsWith("prompt is too long", StringComparison.OrdinalIgnoreCase) == true;
        return Fail(
            new ClaudeFailure(
                null,
                failure.Status,
                failure.Status is null ? failure.Type : null,
                isTooLong ? "prompt_too_long" : null,
                failure.RetryAfter ?? RetryAfter
            )
        );
    }

    public void NoteRateLimit(JsonElement frame)
    {
        var info = frame.Member("rate_limit_info") ?? frame;
        // The frame comes with every answer of a subscription. Only a rejection tells the time of the reset.
        if (info.Text("status") == "rejected")
        {
            var resetsAt = (info.Number("resetsAt") ?? info.Number("resets_at")) is { } seconds and > 0 and < 100_000_000_000
                ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                : (DateTimeOffset?)null;
            _rejection = new UpstreamLimit(info.Text("rateLimitType") ?? info.Text("rate_limit_type"), resetsAt);
        }
    }
}
