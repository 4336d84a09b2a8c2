using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <content>The caller's tools, the calls of the conversation, and their results.</content>
internal sealed partial class RequestProof
{
    /// <summary>The declarations and the choice are the ones that the relay laid over the body.</summary>
    private void ProveTools(JsonElement body)
    {
        if (_expected.Extra.Tools is not { } tools)
        {
            return;
        }

        var declared = Needed(body, "tools", GateRefusal.CallersPart);
        Require(
            declared.ValueKind == JsonValueKind.Array
                && declared.GetArrayLength() == tools.Tools.Count
                && declared.EnumerateArray().Zip(tools.Tools).All(pair => IsDeclaration(pair.First, pair.Second)),
            GateRefusal.CallersPart,
            "tools"
        );
        using var choice = JsonDocument.Parse(ToolFields.ChoiceToJson(tools));
        Require(
            SentJson.AreSame(Needed(body, "tool_choice", GateRefusal.CallersPart), choice.RootElement),
            GateRefusal.CallersPart,
            "tool_choice"
        );
    }

    /// <summary>
    /// Field by field: a second text of all declarations, made only to be compared, would take longer than the rest of the proof.
    /// </summary>
    private static bool IsDeclaration(JsonElement sent, ToolDeclaration tool)
    {
        var (description, isStrict) = (tool.RevealDescription(), tool.IsStrict);
        if (
            sent.ValueKind != JsonValueKind.Object
            || sent.GetPropertyCount() != 2 + (description is null ? 0 : 1) + (isStrict is null ? 0 : 1)
            || !IsText(sent, "name", tool.Name)
            || (description is not null && !IsText(sent, "description", description))
            || (isStrict is { } strict && sent.Member("strict")?.ValueKind != (strict ? JsonValueKind.True : JsonValueKind.False))
        )
        {
            return false;
        }

        using var schema = JsonDocument.Parse(tool.RevealInputSchema());
        return sent.Member("input_schema") is { } input && SentJson.AreSame(input, schema.RootElement);
    }

    private static bool IsText(JsonElement parent, string name, string expected) =>
        parent.Member(name) is { ValueKind: JsonValueKind.String } text && text.ValueEquals(expected);

    private void ProveCall(JsonElement block, ToolCall call, string where)
    {
        // Claude Code has put a block of another kind in place of the caller's.
        Require(block.Text("type") == "tool_use", GateRefusal.CallersPart, where);
        OnlyMembers(block, where, "type", "id", "name", "input", "cache_control");
        CountBreakpoint(block);
        using var wanted = JsonDocument.Parse(call.RevealInput());
        Require(
            block.Text("id") == call.Id && block.Text("name") == call.Name && SentJson.AreSame(Needed(block, "input"), wanted.RootElement),
            GateRefusal.CallersPart,
            where
        );
    }

    /// <summary>
    /// Proves a turn that begins with results. With older models the note stands at its end: in blocks after the caller's, or inside of
    /// the last result where no other block follows it.
    /// </summary>
    private void ProveResults(List<JsonElement> blocks, ChatMessage turn, bool isLast, int number)
    {
        var reminders = blocks.Skip(turn.Content.Count).ToList();
        Require(
            blocks.Count >= turn.Content.Count && (reminders.Count == 0 || isLast),
            GateRefusal.CallersPart,
            $"the number of blocks of turn {number}"
        );
        for (var index = 0; index < turn.Content.Count; index++)
        {
            var where = $"block {index} of turn {number}";
            if (turn.Content[index] is ToolResultBlock result)
            {
                ProveResult(blocks[index], result, mayHoldNote: isLast && index == turn.Content.Count - 1, where);
            }
            else
            {
                ProveBlock(blocks[index], turn.Content[index], where);
            }
        }

        NoteReminders(reminders, $"the number of blocks of turn {number}");
    }

    private void ProveResult(JsonElement block, ToolResultBlock result, bool mayHoldNote, string where)
    {
        Require(block.Text("type") == "tool_result", GateRefusal.CallersPart, where);
        OnlyMembers(block, where, "type", "tool_use_id", "content", "is_error", "cache_control");
        CountBreakpoint(block);
        // Claude Code leaves out a field that says nothing.
        var isError = block.Member("is_error")?.GetBoolean();
        Require(
            block.Text("tool_use_id") == result.CallId && (isError ?? false) == (result.IsError ?? false),
            GateRefusal.CallersPart,
            where
        );
        var content = block.Member("content");
        if (content is not { ValueKind: JsonValueKind.Array } list)
        {
            ProveSingle(content?.GetString() ?? string.Empty, result, mayHoldNote, where);
            return;
        }

        var parts = list.EnumerateArray().ToList();
        var reminders = parts.Skip(result.Content.Count).ToList();
        Require(parts.Count >= result.Content.Count && (reminders.Count == 0 || mayHoldNote), GateRefusal.CallersPart, where);
        for (var index = 0; index < result.Content.Count; index++)
        {
            if (reminders.Count > 0 && index == result.Content.Count - 1 && result.Content[index] is TextBlock words)
            {
                Require(
                    ReadText(parts[index], GateRefusal.CallersPart, where) == words.Text.Reveal() + "\n",
                    GateRefusal.CallersPart,
                    where
                );
            }
            else
            {
                ProveBlock(parts[index], result.Content[index], where);
            }
        }

        NoteReminders(reminders, where);
    }

    /// <summary>Proves a result that is one text, or empty. The note takes the place of an empty result.</summary>
    private void ProveSingle(string text, ToolResultBlock result, bool mayHoldNote, string where)
    {
        if (mayHoldNote && result.Content.Count == 0 && text.StartsWith(ReminderStart, StringComparison.Ordinal))
        {
            Note(NotePlacement.Reminders, text.TrimEnd('\n') + "\n");
            return;
        }

        Require(
            result.Content is [TextBlock only] ? text == only.Text.Reveal() : result.Content.Count == 0 && text.Length == 0,
            GateRefusal.CallersPart,
            where
        );
    }

    private void NoteReminders(List<JsonElement> reminders, string where)
    {
        if (reminders.Count > 0)
        {
            Require(reminders.TrueForAll(IsReminder), GateRefusal.CallersPart, where);
            Note(
                NotePlacement.Reminders,
                string.Concat(reminders.Select(block => ReadText(block, GateRefusal.Shape, "a reminder").TrimEnd('\n') + "\n"))
            );
        }
    }
}
