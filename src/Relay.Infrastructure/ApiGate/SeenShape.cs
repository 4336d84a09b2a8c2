using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// Claude Code's own part of a request, gathered while the caller's blocks are proven: its note on the environment, its cache breakpoints
/// and its effort.
/// </summary>
internal sealed class SeenShape(DateOnly today)
{
    private const string ReminderStart = "<system-reminder>\n";

    public string? CacheControl { get; private set; }

    public int Breakpoints { get; private set; }

    public string? Effort { get; private set; }

    /// <summary>The note on the environment, as <see cref="EnvironmentNote.Read"/> returns it.</summary>
    public string NoteText { get; private set; } = string.Empty;

    public NotePlacement Placement { get; private set; } = NotePlacement.Absent;

    public static bool IsReminder(string text) => text.StartsWith(ReminderStart, StringComparison.Ordinal);

    public void CountBreakpoint(JsonElement block)
    {
        if (block.Member("cache_control") is not { } control)
        {
            return;
        }

        OnlyMembers(control, "cache_control", "type", "ttl");
        var form = $"{control.Text("type")} {control.Text("ttl")}";
        Require(
            form is "ephemeral " or "ephemeral 1h" or "ephemeral 5m" && (CacheControl ?? form) == form,
            GateRefusal.Shape,
            "cache_control"
        );
        (CacheControl, Breakpoints) = (form, Breakpoints + 1);
    }

    public string ReadText(JsonElement block, GateRefusal refusal, string where)
    {
        OnlyMembers(block, where, "type", "text", "cache_control");
        CountBreakpoint(block);
        Require(block.Text("type") == "text", refusal, where);
        return Needed(block, "text").GetString()!;
    }

    public void ProveText(JsonElement block, PromptText words, string where)
    {
        OnlyMembers(block, where, "type", "text", "cache_control");
        CountBreakpoint(block);
        Require(block.Text("type") == "text" && Needed(block, "text").ValueEquals(words.Reveal()), GateRefusal.CallersPart, where);
    }

    public static bool IsReminder(JsonElement block) =>
        block.Member("text") is { ValueKind: JsonValueKind.String } text && IsReminder(text.GetString()!);

    /// <summary>Takes the note. Older models have it after the first turn of a history, and its last line after the last turn.</summary>
    public void Note(NotePlacement placement, string text)
    {
        Require(Placement == NotePlacement.Absent || Placement == placement, GateRefusal.Shape, "the note's place");
        Placement = placement;
        NoteText += EnvironmentNote.Read(text, today) ?? throw new DifferenceException(GateRefusal.Shape, "a line of the note");
        Require(NoteText.Length <= EnvironmentNote.MaxLength, GateRefusal.Shape, "the note's length");
    }

    public void NoteReminders(List<JsonElement> reminders, string where)
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

    public void ProveEffort(JsonElement outputConfig, bool besideFormat = false)
    {
        OnlyMembers(outputConfig, "output_config", besideFormat ? ["effort", "format"] : ["effort"]);
        if (besideFormat && outputConfig.Member("effort") is null)
        {
            return; // Older models have no effort.
        }

        var effort = outputConfig.Text("effort");
        Require(
            effort is { Length: <= 8 } && effort.All(char.IsAsciiLetterLower) && (Effort ?? effort) == effort,
            GateRefusal.Shape,
            "output_config"
        );
        Effort = effort;
    }
}
