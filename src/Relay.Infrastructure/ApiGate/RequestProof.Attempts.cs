using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <content>Requests with a schema: the tool that hands the answer in, and the attempts before this one.</content>
internal sealed partial class RequestProof
{
    /// <summary>The tools beside the schema, as one text; empty without a schema.</summary>
    private string ReadTools(JsonElement? tools)
    {
        var count = tools is { } list ? list.GetArrayLength() : 0;
        if (_expected.Schema is not { } schema)
        {
            Require(count == 0 || _expected.Extra.Tools is not null, GateRefusal.Shape, "a tool");
            return string.Empty;
        }

        Require(count is 1 or 2, GateRefusal.Shape, "the number of tools");
        var handsIn = tools!.Value[count - 1];
        OnlyMembers(handsIn, "the schema's tool", "name", "description", "input_schema", "cache_control");
        CountBreakpoint(handsIn);
        var description = handsIn.Text("description");
        Require(
            handsIn.Text("name") == ClaudeLockdown.SchemaTool
                && description is { Length: <= MaxToolDescription }
                && Printable().IsMatch(description),
            GateRefusal.Shape,
            "the schema's tool"
        );
        using var wanted = JsonDocument.Parse(schema.Reveal());
        Require(SentJson.AreSame(Needed(handsIn, "input_schema"), wanted.RootElement), GateRefusal.CallersPart, "the schema");
        if (count == 2)
        {
            var placeholder = tools.Value[0];
            OnlyMembers(placeholder, "the placeholder tool", "name", "description", "input_schema", "defer_loading");
            Require(
                placeholder.Text("name") == PlaceholderTool
                    && Printable().IsMatch(placeholder.Text("description") ?? string.Empty)
                    && placeholder.Member("input_schema")?.GetRawText().Length <= 40
                    && placeholder.Member("defer_loading")?.ValueKind == JsonValueKind.True,
                GateRefusal.Shape,
                "the placeholder tool"
            );
        }

        return count == 2 ? $"{description} {tools.Value[0].GetRawText()}" : description!;
    }

    /// <summary>
    /// The blocks of all earlier attempts, each once and as the API sent it, and the validator's complaints. Claude Code joins attempts
    /// into one message and puts texts before calls, or leaves them apart.
    /// </summary>
    private void ProveAttempts(JsonElement.ArrayEnumerator messages, bool left)
    {
        var wanted = _handedIn.Where(block => block.Text("type") is "text" or "tool_use" or "thinking" or "redacted_thinking").ToList();
        for (; left; left = messages.MoveNext())
        {
            var message = messages.Current;
            OnlyMembers(message, "a message of an attempt", "role", "content");
            if (message.Text("role") == "user")
            {
                ProveComplaints(message);
                continue;
            }

            if (message.Text("role") == "system")
            {
                ProveBudget(Needed(message, "content"));
                continue;
            }

            Require(message.Text("role") == "assistant", GateRefusal.CallersPart, "the role of an attempt");
            foreach (var block in Needed(message, "content").EnumerateArray())
            {
                CountBreakpoint(block);
                var index = wanted.FindIndex(sent => IsSame(block, sent));
                Require(index >= 0, GateRefusal.CallersPart, "a block of an attempt");
                wanted.RemoveAt(index);
            }
        }

        // Thoughts may be left out, and a text of no visible letter does not come back.
        Require(
            wanted.TrueForAll(block =>
                block.Text("type") is "thinking" or "redacted_thinking"
                || (block.Text("type") == "text" && string.IsNullOrWhiteSpace(block.Text("text")))
            ),
            GateRefusal.CallersPart,
            "a block of an attempt is missing"
        );
    }

    /// <summary>Proves the number of tokens that are left, which opus-4-8 tells with each attempt.</summary>
    private void ProveBudget(JsonElement content)
    {
        var text =
            content.ValueKind == JsonValueKind.String
                ? content.GetString()!
                : ReadText(content[0], GateRefusal.CallersPart, "a system message of an attempt");
        Require(
            (content.ValueKind == JsonValueKind.String || content.GetArrayLength() == 1) && EnvironmentNote.IsBudget(text),
            GateRefusal.CallersPart,
            "a system message of an attempt"
        );
    }

    private static bool IsSame(JsonElement block, JsonElement sent)
    {
        switch (block.Text("type"), sent.Text("type"))
        {
            case ("text", "text"):
                OnlyMembers(block, "a text of an attempt", "type", "text", "cache_control", "citations");
                return block.Text("text") == sent.Text("text") && block.Member("citations")?.ValueKind is null or JsonValueKind.Null;
            case ("thinking", "thinking"):
                OnlyMembers(block, "a thought of an attempt", "type", "thinking", "signature", "cache_control");
                return block.Text("thinking") == sent.Text("thinking") && block.Text("signature") == sent.Text("signature");
            case ("redacted_thinking", "redacted_thinking"):
                OnlyMembers(block, "a thought of an attempt", "type", "data", "cache_control");
                return block.Text("data") == sent.Text("data");
            case ("tool_use", "tool_use"):
                OnlyMembers(block, "a call of an attempt", "type", "id", "name", "input", "cache_control");
                return block.Text("id") == sent.Text("id")
                    && block.Text("name") == sent.Text("name")
                    && block.Member("input") is { } input
                    && sent.Member("input") is { } given
                    && SentJson.AreSame(input, given);
            default:
                return false;
        }
    }

    /// <summary>One complaint of the validator for each call, or the reminder to use the tool.</summary>
    private void ProveComplaints(JsonElement message)
    {
        foreach (var block in Needed(message, "content").EnumerateArray())
        {
            CountBreakpoint(block);
            OnlyMembers(block, "a complaint about an attempt", "type", "text", "tool_use_id", "content", "is_error", "cache_control");
            Require(++_complaints <= _handedIn.Count + 1, GateRefusal.CallersPart, "a complaint more");
            var text = block.Text("type") == "tool_result" ? block.Text("content") : block.Text("text");
            var isKnown =
                text is { Length: <= MaxSchemaComplaint }
                && (
                    block.Text("type") == "tool_result"
                        ? text.StartsWith("Output does not match required schema: ", StringComparison.Ordinal)
                            && _handedIn.Any(call => call.Text("id") == block.Text("tool_use_id"))
                        : text.StartsWith("[structured-output-enforce] ", StringComparison.Ordinal)
                );
            Require(isKnown, GateRefusal.CallersPart, "a complaint about an attempt");
        }
    }
}
