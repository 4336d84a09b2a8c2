using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>Rules of the Messages API about parameters, in the API's own words.</summary>
internal static class ApiRules
{
    /// <summary>The least <c>top_p</c> beside thinking.</summary>
    private const double LeastShareBesideThinking = 0.95;

    /// <summary>The rule that a request breaks; null when it breaks none.</summary>
    public static string? FindBroken(JsonElement body)
    {
        var thinks = TypeOf(body, "thinking") is "enabled" or "adaptive";
        return Number(body, "temperature") is < 0 or > 1 ? "temperature: range: 0..1"
            : thinks && Number(body, "temperature") is not null and not 1
                ? "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our "
                    + "documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
                    + "#important-considerations-when-using-extended-thinking"
            : thinks && body.TryGetProperty("top_k", out _) ? "`top_k` must be unset when thinking is enabled or in adaptive mode."
            : thinks && Number(body, "top_p") < LeastShareBesideThinking
                ? "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode."
            : HasBlank(body) ? "stop_sequences: each stop sequence must contain non-whitespace"
            : !thinks && ClearsThinking(body) ? "`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive"
            : null;
    }

    private static bool HasBlank(JsonElement body) =>
        body.TryGetProperty("stop_sequences", out var sequences)
        && sequences.EnumerateArray().Any(sequence => string.IsNullOrWhiteSpace(sequence.GetString()));

    private static bool ClearsThinking(JsonElement body) =>
        body.TryGetProperty("context_management", out var management)
        && management.ValueKind == JsonValueKind.Object
        && management.GetProperty("edits").EnumerateArray().Any(edit => edit.GetProperty("type").GetString() == "clear_thinking_20251015");

    private static double? Number(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string? TypeOf(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type)
            ? type.GetString()
            : null;
}
