using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>Rules of the Messages API about <c>output_config.format</c>, in the API's own words.</summary>
internal static class FormatRules
{
    /// <summary>The rule that a schema breaks; null when it breaks none.</summary>
    public static string? FindBroken(JsonElement? schema) =>
        schema is { } given && HasOpenObject(given)
            ? "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
            : null;

    private static bool HasOpenObject(JsonElement schema) =>
        schema.ValueKind switch
        {
            JsonValueKind.Object => (IsObject(schema) && !IsClosed(schema))
                || schema.EnumerateObject().Any(member => HasOpenObject(member.Value)),
            JsonValueKind.Array => schema.EnumerateArray().Any(HasOpenObject),
            _ => false,
        };

    private static bool IsObject(JsonElement schema) =>
        schema.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("object");

    private static bool IsClosed(JsonElement schema) =>
        schema.TryGetProperty("additionalProperties", out var more) && more.ValueKind == JsonValueKind.False;
}
