namespace ClaudeRelay.Client;

/// <summary>The relay refused or failed, or could not be reached.</summary>
public class ClaudeRelayException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The HTTP status; null without one, and for a failure in the middle of a stream.</summary>
    public int? Status { get; internal set; }

    /// <summary>The relay's code for the error, such as <c>rate_limited</c>; for a proxy's answer <c>http_502</c>.</summary>
    public string Code { get; internal set; } = string.Empty;

    /// <summary>The request field at fault; null for none.</summary>
    public string? Field { get; internal set; }

    /// <summary>The id by which the relay's operator finds the request.</summary>
    public string? RequestId { get; internal set; }

    /// <summary>The wait before the same request can succeed; null when the relay does not say.</summary>
    public TimeSpan? RetryAfter { get; internal set; }

    internal ClaudeRelayException With(int? status, string code, string? field, string? requestId, TimeSpan? retryAfter)
    {
        (Status, Code, Field, RequestId, RetryAfter) = (status, code, field, requestId, retryAfter);
        return this;
    }
}

/// <summary>The request is wrong (400, 404, 405, 413, 415, 421, 422).</summary>
public sealed class ClaudeRelayBadRequestException(string message) : ClaudeRelayException(message);

/// <summary>The key is missing, wrong, expired or revoked (401).</summary>
public sealed class ClaudeRelayAuthenticationException(string message) : ClaudeRelayException(message);

/// <summary>The key is good, but not for this (403).</summary>
public sealed class ClaudeRelayPermissionException(string message) : ClaudeRelayException(message);

/// <summary>A request with the same idempotency key is still running (409).</summary>
public sealed class ClaudeRelayConflictException(string message) : ClaudeRelayException(message);

/// <summary>A limit is reached, of the key or of the relay (429).</summary>
public sealed class ClaudeRelayRateLimitException(string message) : ClaudeRelayException(message);

/// <summary>The relay, Claude Code or Anthropic failed (500 and above, and in the middle of a stream).</summary>
public sealed class ClaudeRelayServerException(string message) : ClaudeRelayException(message);

/// <summary>There was no answer, or half of one.</summary>
public sealed class ClaudeRelayConnectionException(string message, Exception? inner = null) : ClaudeRelayException(message, inner);

/// <summary>There was no answer in <see cref="ClaudeRelayOptions.Timeout"/>.</summary>
public sealed class ClaudeRelayTimeoutException(string message, Exception? inner = null) : ClaudeRelayException(message, inner);
