using System.Text.Json;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Proves the earlier attempts at an answer that fits a schema. <paramref name="handedIn"/> holds the attempts' content blocks as the API
/// sent them.
/// </summary>
internal sealed class AttemptProof(IReadOnlyList<JsonElement> handedIn, SeenShape seen)
{
    private const int MaxSchemaComplaint = 4096;

    private int _complaints;

    /// <summary>
    /// The blocks of all earlier attempts, each once and as the API sent it, and the validator's complaints. Claude Code joins attempts
    /// into one message and puts texts before calls, or leaves them apart.
    /// </summary>
    public void Prove(JsonElement.ArrayEnumerator messages, bool left)
    {
        var wanted = handedIn.Where(block => block.Text("type") is "text" or "tool_use" or "thinking" or "redacted_thinking").ToList();
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
                seen.CountBreakpoint(block);
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
                : seen.ReadText(content[0], GateRefusal.CallersPart, "a system message of an attempt");
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
            seen.CountBreakpoint(block);
            OnlyMembers(block, "a complaint about an attempt", "type", "text", "tool_use_id", "content", "is_error", "cache_control");
            Require(++_complaints <= handedIn.Count + 1, GateRefusal.CallersPart, "a complaint more");
            var text = block.Text("type") == "tool_result" ? block.Text("content") : block.Text("text");
            var isKnown =
                text is { Length: <= MaxSchemaComplaint }
                && (
                    block.Text("type") == "tool_result"
                        ? text.StartsWith("Output does not match required schema: ", StringComparison.Ordinal)
                            && handedIn.Any(call => call.Text("id") == block.Text("tool_use_id"))
                        : text.StartsWith("[structured-output-enforce] ", StringComparison.Ordinal)
                );
            Require(isKnown, GateRefusal.CallersPart, "a complaint about an attempt");
        }
    }
}
