using System.Text.Json;
using System.Text.RegularExpressions;

namespace Relay.AnthropicSimulator;

/// <summary>Rules of the Messages API about tools, in the API's own words.</summary>
internal static partial class ToolRules
{
    private const int MaxBreakpoints = 4;

    /// <summary>The rule that a request breaks; null when it breaks none.</summary>
    public static string? FindBroken(JsonElement body)
    {
        var tools = Items(body, "tools").ToList();
        var thinking = TypeOf(Property(body, "thinking"));
        var choice = TypeOf(Property(body, "tool_choice"));
        var messages = Items(body, "messages").Where(message => Text(message, "role") != "system").ToList();
        return tools.Count == 0 && choice is not null ? "tool_choice may only be specified while providing tools"
            : thinking is "enabled" or "adaptive" && choice is "any" or "tool"
                ? "Thinking may not be enabled when tool_choice forces tool use."
            : FindBrokenTool(tools)
                ?? FindBrokenPair(messages)
                ?? FindMissingTools(tools, messages)
                ?? FindMissingThought(thinking, messages)
                ?? FindBreakpoints(body);
    }

    private static string? FindBrokenTool(List<JsonElement> tools)
    {
        for (var index = 0; index < tools.Count; index++)
        {
            if (Text(tools[index], "type") is null or "custom")
            {
                if (!Name().IsMatch(Text(tools[index], "name") ?? string.Empty))
                {
                    return $"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'";
                }

                if (TypeOf(Property(tools[index], "input_schema")) != "object")
                {
                    return $"tools.{index}.custom.input_schema.type: Input should be 'object'";
                }
            }
        }

        return tools.Select(tool => Text(tool, "name")).Distinct(StringComparer.Ordinal).Count() == tools.Count
            ? null
            : "tools: Tool names must be unique.";
    }

    private static string? FindBrokenPair(List<JsonElement> messages)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string[] open = [];
        for (var index = 0; index < messages.Count; index++)
        {
            var blocks = Items(messages[index], "content").ToList();
            var results = blocks.TakeWhile(block => TypeOf(block) == "tool_result").Select(block => Text(block, "tool_use_id")!).ToList();
            if (
                !results.TrueForAll(id => open.Contains(id, StringComparer.Ordinal))
                || blocks.Skip(results.Count).Any(block => TypeOf(block) == "tool_result")
            )
            {
                return $"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks. Each `tool_result` block "
                    + $"must have a corresponding `tool_use` block in the previous message.";
            }

            if (results.Distinct(StringComparer.Ordinal).Count() < open.Length)
            {
                return $"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after. Each `tool_use` "
                    + $"block must have a corresponding `tool_result` block in the next message.";
            }

            open = [.. blocks.Where(block => TypeOf(block) == "tool_use").Select(block => Text(block, "id")!)];
            if (!open.All(seen.Add))
            {
                return "messages: `tool_use` ids must be unique";
            }
        }

        return open.Length == 0
            ? null
            : $"messages.{messages.Count - 1}: `tool_use` ids were found without `tool_result` blocks immediately after.";
    }

    private static string? FindMissingTools(List<JsonElement> tools, List<JsonElement> messages) =>
        tools.Count == 0 && messages.Exists(message => Items(message, "content").Any(block => TypeOf(block) is "tool_use" or "tool_result"))
            ? "Requests which have `tool_use` or `tool_result` blocks in messages must define `tools`."
            : null;

    /// <summary>
    /// A model that thinks within a budget wants its thoughts back while it goes on with the turn in which it called tools.
    /// </summary>
    private static string? FindMissingThought(string? thinking, List<JsonElement> messages)
    {
        if (thinking != "enabled" || messages.Count < 2 || !Items(messages[^1], "content").Any(block => TypeOf(block) == "tool_result"))
        {
            return null;
        }

        return Items(messages[^2], "content").Select(TypeOf).FirstOrDefault() is "thinking" or "redacted_thinking"
            ? null
            : $"messages.{messages.Count - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When "
                + $"`thinking` is enabled, a final `assistant` message must start with a thinking block.";
    }

    private static string? FindBreakpoints(JsonElement body) =>
        CountBreakpoints(body) is var count and > MaxBreakpoints
            ? $"A maximum of {MaxBreakpoints} blocks with cache_control may be provided. Found {count}."
            : null;

    private static int CountBreakpoints(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => value
                .EnumerateObject()
                .Sum(member => (member.NameEquals("cache_control") ? 1 : 0) + CountBreakpoints(member.Value)),
            JsonValueKind.Array => value.EnumerateArray().Sum(CountBreakpoints),
            _ => 0,
        };

    private static JsonElement.ArrayEnumerator Items(JsonElement owner, string name) =>
        Property(owner, name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : default;

    private static JsonElement Property(JsonElement owner, string name) =>
        owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(name, out var value) ? value : default;

    private static string? Text(JsonElement owner, string name) =>
        Property(owner, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static string? TypeOf(JsonElement owner) => Text(owner, "type");

    [GeneratedRegex(@"^[a-zA-Z0-9_-]{1,128}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();
}
