using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Application.Auditing;
using Relay.Domain.Keys;

namespace Relay.Infrastructure.Auditing;

/// <summary>An audit entry as one line of JSON.</summary>
internal static class AuditLine
{
    /// <summary>Every character that is not plain ASCII is escaped, so that the line is safe in any terminal.</summary>
    private static readonly JsonSerializerOptions Json = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>The line's bytes, with its line feed.</summary>
    public static ReadOnlyMemory<byte> Format(DateTimeOffset at, AuditEntry entry) => Encoding.ASCII.GetBytes(Text(at, entry) + "\n");

    public static string Text(DateTimeOffset at, AuditEntry entry) =>
        JsonSerializer.Serialize(
            new
            {
                time = at.UtcDateTime,
                action = entry.Action,
                request_id = entry.RequestId,
                trace_id = entry.TraceId,
                key_id = entry.KeyId,
                key_label = entry.KeyLabel,
                route = entry.Route,
                model = entry.Model,
                status = entry.Status,
                error = entry.Error,
                host = entry.Host,
                queue_ms = Milliseconds(entry.Queue),
                first_token_ms = Milliseconds(entry.FirstToken),
                total_ms = Milliseconds(entry.Total),
                input_tokens = entry.Usage?.InputTokens,
                output_tokens = entry.Usage?.OutputTokens,
                cache_creation_input_tokens = entry.Usage?.CacheCreationInputTokens,
                cache_read_input_tokens = entry.Usage?.CacheReadInputTokens,
                cost_usd = entry.CostUsd,
                request_bytes = entry.RequestBytes,
                tools = entry.Tools,
                tool_calls = entry.ToolCalls,
                count = entry.Count,
                detail = entry.Detail,
                by = entry.By,
                before = Describe(entry.Before),
                after = Describe(entry.After),
            },
            Json
        );

    /// <summary>A key without its hashes.</summary>
    private static object? Describe(ApiKey? key) =>
        key is null
            ? null
            : new
            {
                prefix = key.Prefix,
                created_at = key.CreatedAt.UtcDateTime,
                expires_at = key.ExpiresAt?.UtcDateTime,
                revoked_at = key.RevokedAt?.UtcDateTime,
                scopes = key.Scopes.ToNames(),
                no_tools = key.AllowsTools ? (bool?)null : true,
                models = key.Models?.Select(model => model.Value),
                rpm = key.Limits.RequestsPerMinute,
                daily = key.Limits.RequestsPerDay,
                concurrency = key.Limits.Concurrency,
                usd_per_day = key.Limits.UsdPerDay,
                old_secret_until = key.OldSecrets.Count == 0 ? null : (DateTime?)key.OldSecrets.Max(old => old.Until).UtcDateTime,
            };

    private static double? Milliseconds(TimeSpan? time) => time is { } known ? Math.Round(known.TotalMilliseconds, 1) : null;
}
