using System.Buffers;
using System.Text;
using System.Text.Json;
using Relay.Application.Auditing;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.Infrastructure.Auditing;

/// <summary>An audit entry as one line of JSON.</summary>
internal static class AuditLine
{
    /// <summary>
    /// The line's bytes, with its line feed. Every character that is not plain ASCII is escaped, so that the line is safe in any terminal.
    /// </summary>
    public static ReadOnlyMemory<byte> Format(DateTimeOffset at, AuditEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, at, entry);
        }

        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    public static string Text(DateTimeOffset at, AuditEntry entry) => Encoding.UTF8.GetString(Format(at, entry).Span).TrimEnd('\n');

    private static void Write(Utf8JsonWriter writer, DateTimeOffset at, AuditEntry entry)
    {
        writer.WriteStartObject();
        writer.WriteString("time", at.UtcDateTime);
        writer.WriteString("action", entry.Action);
        Write(writer, "request_id", entry.RequestId);
        Write(writer, "trace_id", entry.TraceId);
        Write(writer, "key_id", entry.KeyId);
        Write(writer, "key_label", entry.KeyLabel);
        Write(writer, "route", entry.Route);
        Write(writer, "model", entry.Model);
        Write(writer, "status", entry.Status);
        Write(writer, "error", entry.Error);
        Write(writer, "host", entry.Host);
        Write(writer, "queue_ms", entry.Queue);
        Write(writer, "first_token_ms", entry.FirstToken);
        Write(writer, "total_ms", entry.Total);
        WriteUsage(writer, entry.Usage);
        if (entry.CostUsd is { } cost)
        {
            writer.WriteNumber("cost_usd", cost);
        }

        Write(writer, "request_bytes", entry.RequestBytes);
        Write(writer, "tools", entry.Tools);
        Write(writer, "tool_calls", entry.ToolCalls);
        Write(writer, "count", entry.Count);
        Write(writer, "detail", entry.Detail);
        Write(writer, "by", entry.By);
        WriteKey(writer, "before", entry.Before);
        WriteKey(writer, "after", entry.After);
        writer.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter writer, TokenUsage? usage)
    {
        if (usage is not null)
        {
            writer.WriteNumber("input_tokens", usage.InputTokens);
            writer.WriteNumber("output_tokens", usage.OutputTokens);
            writer.WriteNumber("cache_creation_input_tokens", usage.CacheCreationInputTokens);
            writer.WriteNumber("cache_read_input_tokens", usage.CacheReadInputTokens);
        }
    }

    /// <summary>A key without its hashes.</summary>
    private static void WriteKey(Utf8JsonWriter writer, string name, ApiKey? key)
    {
        if (key is null)
        {
            return;
        }

        writer.WriteStartObject(name);
        writer.WriteString("prefix", key.Prefix);
        writer.WriteString("created_at", key.CreatedAt.UtcDateTime);
        Write(writer, "expires_at", key.ExpiresAt);
        Write(writer, "revoked_at", key.RevokedAt);
        WriteNames(writer, "scopes", key.Scopes.ToNames());
        if (!key.AllowsTools)
        {
            writer.WriteBoolean("no_tools", true);
        }

        WriteNames(writer, "models", key.Models?.Select(model => model.Value));
        Write(writer, "rpm", key.Limits.RequestsPerMinute);
        Write(writer, "daily", key.Limits.RequestsPerDay);
        Write(writer, "concurrency", key.Limits.Concurrency);
        if (key.Limits.UsdPerDay is { } usd)
        {
            writer.WriteNumber("usd_per_day", usd);
        }

        Write(writer, "old_secret_until", key.OldSecrets.Count == 0 ? null : key.OldSecrets.Max(old => old.Until));
        writer.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter writer, string name, IEnumerable<string>? values)
    {
        if (values is not null)
        {
            writer.WriteStartArray(name);
            foreach (var value in values)
            {
                writer.WriteStringValue(value);
            }

            writer.WriteEndArray();
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, long? value)
    {
        if (value is { } number)
        {
            writer.WriteNumber(name, number);
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, TimeSpan? value)
    {
        if (value is { } time)
        {
            writer.WriteNumber(name, Math.Round(time.TotalMilliseconds, 1));
        }
    }

    private static void Write(Utf8JsonWriter writer, string name, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            writer.WriteString(name, time.UtcDateTime);
        }
    }
}
