using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>Proves the messages of a request, turn for turn.</summary>
internal sealed class MessageProof(TurnExpectation expected, IReadOnlyList<JsonElement> handedIn, SeenShape seen)
{
    private readonly BlockProof _blocks = new(seen);

    public void ProveMessages(JsonElement messages)
    {
        var turns = expected.Conversation.Turns;
        var next = 0;
        using var list = messages.EnumerateArray();
        var enumerator = list.GetEnumerator();
        var left = enumerator.MoveNext();
        for (; next < turns.Count; next++)
        {
            Require(left, GateRefusal.CallersPart, "a turn is missing");
            ProveTurn(enumerator.Current, turns[next], isLast: next == turns.Count - 1, next);
            left = enumerator.MoveNext();
            if (left && enumerator.Current.Text("role") == "system" && (next == 0 || next == turns.Count - 1))
            {
                ProveSystemMessage(enumerator.Current);
                left = enumerator.MoveNext();
            }
        }

        if (handedIn.Count > 0)
        {
            new AttemptProof(handedIn, seen).Prove(enumerator, left);
            return;
        }

        Require(!left, GateRefusal.CallersPart, "a message more");
    }

    private void ProveTurn(JsonElement message, ChatMessage turn, bool isLast, int number)
    {
        OnlyMembers(message, $"messages[{number}]", "role", "content");
        Require(
            message.Text("role") == (turn.Role == ChatRole.User ? "user" : "assistant"),
            GateRefusal.CallersPart,
            $"the role of turn {number}"
        );
        var content = Needed(message, "content");
        if (content.ValueKind == JsonValueKind.String)
        {
            Require(turn.Content is [TextBlock only] && content.ValueEquals(only.Text.Reveal()), GateRefusal.CallersPart, $"turn {number}");
            return;
        }

        var blocks = content.EnumerateArray().ToList();
        if (turn.Content.Any(block => block is ToolResultBlock))
        {
            ProveResults(blocks, turn, isLast, number);
            return;
        }

        if (ClaudeInput.SplitNoContent(turn) is { } parts)
        {
            Require(blocks.Count == parts.Count, GateRefusal.CallersPart, $"the number of blocks of turn {number}");
            for (var index = 0; index < parts.Count; index++)
            {
                Require(
                    seen.ReadText(blocks[index], GateRefusal.CallersPart, $"turn {number}") == parts[index],
                    GateRefusal.CallersPart,
                    $"turn {number}"
                );
            }

            return;
        }

        var reminders = isLast || number == 0 ? blocks.TakeWhile(SeenShape.IsReminder).Count() : 0;
        reminders = Math.Min(reminders, blocks.Count - turn.Content.Count);
        if (reminders > 0)
        {
            seen.Note(
                NotePlacement.Reminders,
                string.Concat(
                    blocks.Take(reminders).Select(block => seen.ReadText(block, GateRefusal.Shape, "a reminder").TrimEnd('\n') + "\n")
                )
            );
        }

        Require(
            blocks.Count - Math.Max(reminders, 0) == turn.Content.Count,
            GateRefusal.CallersPart,
            $"the number of blocks of turn {number}"
        );
        for (var index = 0; index < turn.Content.Count; index++)
        {
            _blocks.ProveBlock(blocks[index + reminders], turn.Content[index], $"block {index} of turn {number}");
        }
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
                _blocks.ProveResult(blocks[index], result, mayHoldNote: isLast && index == turn.Content.Count - 1, where);
            }
            else
            {
                _blocks.ProveBlock(blocks[index], turn.Content[index], where);
            }
        }

        seen.NoteReminders(reminders, $"the number of blocks of turn {number}");
    }

    /// <summary>
    /// Proves a message of the system. Newer models have an empty message after the first turn of a history, which holds the effort, and
    /// the note after the last turn. opus-4-8 has the note after the first turn.
    /// </summary>
    private void ProveSystemMessage(JsonElement message)
    {
        OnlyMembers(message, "a system message", "role", "content", "output_config");
        if (message.Member("output_config") is { } outputConfig)
        {
            seen.ProveEffort(outputConfig);
        }

        var content = Needed(message, "content");
        if (content.ValueKind == JsonValueKind.Array && content.GetArrayLength() == 0)
        {
            return;
        }

        Require(content.ValueKind == JsonValueKind.String || content.GetArrayLength() == 1, GateRefusal.Shape, "the note");
        seen.Note(
            NotePlacement.SystemMessage,
            content.ValueKind == JsonValueKind.String ? content.GetString()! : seen.ReadText(content[0], GateRefusal.Shape, "the note")
        );
    }
}
