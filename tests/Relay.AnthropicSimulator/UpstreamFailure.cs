namespace Relay.AnthropicSimulator;

/// <summary>
/// A failure upstream. Statuses, error types and wording are those of Anthropic's Messages API
/// (https://docs.anthropic.com/en/api/errors); in JSON the names are snake_case.
/// </summary>
public enum UpstreamFailure
{
    /// <summary>Nothing: an ordinary answer.</summary>
    None = 0,

    /// <summary>401 <c>authentication_error</c>.</summary>
    Unauthorized,

    /// <summary>403 <c>permission_error</c>.</summary>
    Forbidden,

    /// <summary>400 <c>invalid_request_error</c>, "prompt is too long: 210000 tokens > 200000 maximum".</summary>
    PromptTooLong,

    /// <summary>400 <c>invalid_request_error</c> of any other kind.</summary>
    InvalidRequest,

    /// <summary>404 <c>not_found_error</c> that names the model.</summary>
    ModelNotFound,

    /// <summary>429 <c>rate_limit_error</c> without the unified headers: asks to be tried again.</summary>
    RateLimited,

    /// <summary>
    /// 429 <c>rate_limit_error</c> with <c>anthropic-ratelimit-unified-status: rejected</c>: the plan's five hours are used up. CLI 2.1.330
    /// heeds the headers (and does not retry) only with an OAuth login; with an API key it is <see cref="RateLimited"/> to it.
    /// </summary>
    UsageLimitReached,

    /// <summary>529 <c>overloaded_error</c>.</summary>
    Overloaded,

    /// <summary>500 <c>api_error</c>.</summary>
    ServerError,

    /// <summary>200 with <c>text/event-stream</c> and bytes that are no event stream.</summary>
    Garbage,

    /// <summary>200 with <c>text/event-stream</c> and no event at all.</summary>
    EmptyStream,

    /// <summary>Some deltas, then the TCP connection is aborted.</summary>
    BrokenStream,

    /// <summary>Some deltas, then silence until the client goes.</summary>
    StalledStream,

    /// <summary>Silence, not even a status line, until the client goes.</summary>
    StalledBeforeHeaders,

    /// <summary>Some deltas, then an <c>error</c> event of type <c>overloaded_error</c>.</summary>
    ErrorEvent,

    /// <summary>The text, then <c>stop_reason: max_tokens</c>. CLI 2.1.330 then asks three times more.</summary>
    MaxTokens,

    /// <summary>The text, then <c>stop_reason: refusal</c>. CLI 2.1.330 then asks once more.</summary>
    Refusal,
}
