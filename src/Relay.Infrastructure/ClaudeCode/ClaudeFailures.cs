using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Claude Code's report of a turn that failed: its result frame, and the <c>error</c> of the assistant frame before. Without a status the
/// API was not called.
/// </summary>
internal sealed record ClaudeFailure(string? Subtype, long? ApiStatus, string? AssistantError, string? TerminalReason, TimeSpan? RetryAfter)
{
    /// <summary>Whether the login itself is refused, whatever the request: a 403 may be about the request.</summary>
    public bool IsLoginRefused => this is { ApiStatus: 401 } or { ApiStatus: null, AssistantError: "authentication_failed" };

    /// <summary>Whether Claude Code refused the prompt by its own measure, before any call of the API.</summary>
    public bool WasNotSent => this is { ApiStatus: null, TerminalReason: "blocking_limit" };
}

/// <summary>
/// The one table from Claude Code's failures (measured, see docs/decisions/0004-failures.md) to the relay's errors. Claude
/// Code's own words never go through: they can name hosts, files and accounts.
/// </summary>
internal static class ClaudeFailures
{
    private static readonly TimeSpan DefaultBackoff = TimeSpan.FromSeconds(30);

    public static RelayError NotLoggedIn { get; } =
        new(
            ErrorCode.NotLoggedIn,
            "Claude Code on the relay's host is not logged in, or Anthropic refused its login. Tell the relay's operator."
        );

    public static RelayError Broken { get; } = new(ErrorCode.UpstreamError, "Claude Code ended without an answer. Try again.");

    /// <summary>Claude Code needed too much memory for the request. A repeat would need as much.</summary>
    public static RelayError TooMuchMemory { get; } =
        new(
            ErrorCode.TooLarge,
            "Claude Code needed more than 1 GB of memory for this request, so it was ended. Send fewer or smaller pictures, a smaller "
                + "schema "
                + "or less text."
        );

    public static RelayError ToError(ClaudeFailure failure) =>
        failure switch
        {
            { ApiStatus: 401 or 403 } or { AssistantError: "authentication_failed" or "oauth_org_not_allowed" } => NotLoggedIn,
            { ApiStatus: 400 or 413, TerminalReason: "prompt_too_long" } => new RelayError(
                ErrorCode.PromptTooLong,
                "Anthropic refused the prompt as longer than the model's context. Shorten it."
            ),
            { WasNotSent: true } => new RelayError(
                ErrorCode.PromptTooLong,
                "The prompt is longer than the model's context, so it was not sent. Shorten it."
            ),
            { ApiStatus: 404 } or { AssistantError: "model_not_found" } => new RelayError(
                ErrorCode.UnknownModel,
                "Anthropic does not know this model, or the account may not use it. Choose another.",
                "model"
            ),
            { ApiStatus: 429 } or { AssistantError: "rate_limit" } => new RelayError(
                ErrorCode.UpstreamRateLimited,
                "The Claude account behind the relay has reached its own limit. Wait for it to reset.",
                RetryAfter: failure.RetryAfter ?? DefaultBackoff
            ),
            { ApiStatus: 529 } or { AssistantError: "overloaded" } => new RelayError(
                ErrorCode.Overloaded,
                "Anthropic is overloaded. Try again shortly.",
                RetryAfter: DefaultBackoff
            ),
            { ApiStatus: >= 400 and < 500 } => new RelayError(
                ErrorCode.UpstreamError,
                $"Anthropic refused the request (status {failure.ApiStatus})."
            ),
            { ApiStatus: >= 500 } => new RelayError(
                ErrorCode.UpstreamError,
                $"Anthropic's API failed (status {failure.ApiStatus}). Try again."
            ),
            { Subtype: "error_max_turns" } => new RelayError(
                ErrorCode.UpstreamError,
                "The model tried to use a tool, and the request has no tools. Ask it to answer in text."
            ),
            _ => new RelayError(
                ErrorCode.UpstreamError,
                "Anthropic's API could not be reached, or answered with something unreadable. Try again."
            ),
        };
}
