namespace Relay.Domain;

/// <summary>
/// Every way a request can fail. The wire name is the snake_case form of the member
/// (<see cref="RelayError.WireName"/>); the HTTP status is decided in one table of Relay.Api.
/// </summary>
public enum ErrorCode
{
    /// <summary>The caller's fields are wrong; the message names the field.</summary>
    InvalidRequest,

    /// <summary>The body is not JSON.</summary>
    InvalidJson,

    /// <summary>The model is not on the operator's list.</summary>
    UnknownModel,

    /// <summary>Anthropic refused the prompt as longer than the model's context.</summary>
    PromptTooLong,

    /// <summary>The text of the URL alone forbids to fetch it.</summary>
    UrlRejected,

    /// <summary>No key, or one that is unknown, malformed, expired or revoked. The answer does not say which.</summary>
    Unauthorized,

    /// <summary>The key is good, but not for this: a scope or a model it does not have.</summary>
    Forbidden,

    /// <summary>The Host header names another server.</summary>
    WrongHost,

    /// <summary>No such route or thing.</summary>
    NotFound,

    /// <summary>The route exists, the method does not.</summary>
    MethodNotAllowed,

    /// <summary>The body is not plain <c>application/json</c>.</summary>
    UnsupportedMediaType,

    /// <summary>The page to fetch is of a kind that is not text.</summary>
    UnsupportedContentType,

    /// <summary>The body or the input exceeds the configured size, or a page can't be cut to the size asked for.</summary>
    TooLarge,

    /// <summary>The key has asked too often in the last minute.</summary>
    RateLimited,

    /// <summary>The key has used up its requests, or its money, of the (UTC) day.</summary>
    DailyLimit,

    /// <summary>All relay keys together have used up the (UTC) day.</summary>
    GlobalDailyLimit,

    /// <summary>Too many requests are waiting already.</summary>
    QueueFull,

    /// <summary>The Claude account itself is rate limited.</summary>
    UpstreamRateLimited,

    /// <summary>The caller left before the answer. Only ever logged.</summary>
    ClientClosed,

    /// <summary>A fault of the relay itself.</summary>
    InternalError,

    /// <summary>Claude Code or Anthropic's API failed.</summary>
    UpstreamError,

    /// <summary>The model was asked several times, and no answer fits the schema.</summary>
    SchemaNotSatisfied,

    /// <summary>
    /// A page could not be fetched. The answer does not say why, because that would tell what is inside the relay's network.
    /// </summary>
    FetchFailed,

    /// <summary>Claude Code has no valid login.</summary>
    NotLoggedIn,

    /// <summary>No usable <c>claude</c> executable.</summary>
    ClaudeMissing,

    /// <summary>A Claude Code process failed its lockdown check; its output was withheld.</summary>
    LockdownViolation,

    /// <summary>The request waited in the queue for too long, or the engine is not ready yet.</summary>
    Overloaded,

    /// <summary>The relay is stopping.</summary>
    ShuttingDown,

    /// <summary>The state that the relays share can't be reached, so that the limits are unknown.</summary>
    StateUnavailable,

    /// <summary>The completion, or the page, did not end within the configured time.</summary>
    Timeout,

    /// <summary>A request with this idempotency key is still running.</summary>
    IdempotencyInFlight,

    /// <summary>This idempotency key was used for another request.</summary>
    IdempotencyMismatch,

    /// <summary>A key of that label exists already. Operators only.</summary>
    Conflict,
}
