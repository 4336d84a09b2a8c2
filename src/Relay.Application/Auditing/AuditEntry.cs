using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.Application.Auditing;

/// <summary>One line of the audit log. It never holds a prompt, an answer, a secret, or the path or query of a URL.</summary>
/// <param name="Action">
/// <c>complete</c> (of any API), <c>fetch</c>, <c>models</c>, <c>count_tokens</c>, <c>usage</c>, <c>metrics</c>, <c>sign_in</c>,
/// <c>sign_out</c>, <c>dashboard</c> for requests; <c>key_added</c>, <c>key_rotated</c>, <c>key_revoked</c>, <c>key_limits_set</c>;
/// <c>setting_changed</c>; <c>lockdown_violation</c>; <c>unauthenticated</c>; <c>relay_started</c>, <c>relay_stopping</c>.
/// </param>
public sealed record AuditEntry(string Action)
{
    /// <summary>The request's id, as in its answer's <c>X-Request-Id</c>.</summary>
    public string? RequestId { get; init; }

    /// <summary>The trace that the request was part of, in hexadecimal, as in its lines of the log.</summary>
    public string? TraceId { get; init; }

    /// <summary>The id of the key that asked, or that was changed; null for an event that the relay noticed by itself.</summary>
    public string? KeyId { get; init; }

    /// <summary>The label of that key.</summary>
    public string? KeyLabel { get; init; }

    /// <summary>Method and route template, never the path that was asked for.</summary>
    public string? Route { get; init; }

    /// <summary>The model that was to answer.</summary>
    public string? Model { get; init; }

    /// <summary>The HTTP status.</summary>
    public int? Status { get; init; }

    /// <summary>The error's wire name; null for success.</summary>
    public string? Error { get; init; }

    /// <summary>The host of a page that was fetched, or that was refused after its name was looked up.</summary>
    public string? Host { get; init; }

    /// <summary>Time in the queue.</summary>
    public TimeSpan? Queue { get; init; }

    /// <summary>Time from the end of the queue to the model's first words.</summary>
    public TimeSpan? FirstToken { get; init; }

    /// <summary>Time from the request's head to the end of its answer.</summary>
    public TimeSpan? Total { get; init; }

    /// <summary>The charge to the key; null for none.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>Tokens, as far as they are known.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>Size of the request's body, as announced.</summary>
    public long? RequestBytes { get; init; }

    /// <summary>Tools that the request declared; null for none. Never their names.</summary>
    public int? Tools { get; init; }

    /// <summary>Calls of tools in the answer; null for none. Never their inputs.</summary>
    public int? ToolCalls { get; init; }

    /// <summary>The number of equal events that this line stands for; null for one.</summary>
    public long? Count { get; init; }

    /// <summary>
    /// The finding, for violations; the reason why a page was not fetched; <c>replayed</c>, for an answer from memory; the version, for
    /// starts; name and value, for settings.
    /// </summary>
    public string? Detail { get; init; }

    /// <summary>
    /// The author of a key's change: the system's user who ran the operator's command, or <c>key_… (label)</c>, the admin key that asked
    /// on the dashboard.
    /// </summary>
    public string? By { get; init; }

    /// <summary>The key before the change; its hashes are not written.</summary>
    public ApiKey? Before { get; init; }

    /// <summary>The key after the change; its hashes are not written.</summary>
    public ApiKey? After { get; init; }
}
