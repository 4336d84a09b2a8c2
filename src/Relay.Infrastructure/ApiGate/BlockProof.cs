using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;
using static Relay.Infrastructure.ApiGate.ProofRules;

namespace Relay.Infrastructure.ApiGate;

/// <summary>Proves blocks of a turn: texts, pictures, documents, calls of tools and their results.</summary>
internal sealed class BlockProof(SeenShape seen)
{
    public void ProveBlock(JsonElement block, ContentBlock expected, string where)
    {
        switch (expected)
        {
            case TextBlock words:
                seen.ProveText(block, words.Text, where);
                break;
            case ImageBlock image:
                OnlyMembers(block, where, "type", "source", "cache_control");
                seen.CountBreakpoint(block);
                var source = Needed(block, "source");
                OnlyMembers(source, where, "type", "media_type", "data");
                Require(
                    block.Text("type") == "image"
                        && source.Text("type") == "base64"
                        && source.Text("media_type") == image.MediaType
                        && Needed(source, "data").ValueEquals(image.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case ImageLink link:
                OnlyMembers(block, where, "type", "source", "cache_control");
                seen.CountBreakpoint(block);
                var address = Needed(block, "source");
                OnlyMembers(address, where, "type", "url");
                Require(
                    block.Text("type") == "image" && address.Text("type") == "url" && Needed(address, "url").ValueEquals(link.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case DocumentBlock document:
                ProveDocument(block, document, where);
                break;
            case ToolCallBlock { Call: var call }:
                ProveCall(block, call, where);
                break;
            default:
                throw new DifferenceException(GateRefusal.CallersPart, where);
        }
    }

    private void ProveDocument(JsonElement block, DocumentBlock expected, string where)
    {
        OnlyMembers(block, where, "type", "source", "title", "context", "citations", "cache_control");
        seen.CountBreakpoint(block);
        Require(
            block.Text("type") == "document"
                && IsSame(block, "title", expected.Title)
                && IsSame(block, "context", expected.Context)
                && IsCited(block, where) == expected.HasCitations,
            GateRefusal.CallersPart,
            where
        );
        var source = Needed(block, "source");
        switch (expected.Source)
        {
            case PdfSource pdf:
                OnlyMembers(source, where, "type", "media_type", "data");
                Require(
                    IsOf(source, "base64", "application/pdf") && Needed(source, "data").ValueEquals(pdf.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case TextSource text:
                OnlyMembers(source, where, "type", "media_type", "data");
                Require(
                    IsOf(source, "text", "text/plain") && Needed(source, "data").ValueEquals(text.Text.Reveal()),
                    GateRefusal.CallersPart,
                    where
                );
                break;
            case PartsSource parts:
                OnlyMembers(source, where, "type", "content");
                var content = Needed(source, "content");
                Require(source.Text("type") == "content" && content.GetArrayLength() == parts.Parts.Count, GateRefusal.CallersPart, where);
                for (var index = 0; index < parts.Parts.Count; index++)
                {
                    seen.ProveText(content[index], parts.Parts[index], where);
                }

                break;
            default:
                throw new DifferenceException(GateRefusal.CallersPart, where);
        }
    }

    private void ProveCall(JsonElement block, ToolCall call, string where)
    {
        // Claude Code has put a block of another kind in place of the caller's.
        Require(block.Text("type") == "tool_use", GateRefusal.CallersPart, where);
        OnlyMembers(block, where, "type", "id", "name", "input", "cache_control");
        seen.CountBreakpoint(block);
        using var wanted = JsonDocument.Parse(call.RevealInput());
        Require(
            block.Text("id") == call.Id && block.Text("name") == call.Name && SentJson.AreSame(Needed(block, "input"), wanted.RootElement),
            GateRefusal.CallersPart,
            where
        );
    }

    public void ProveResult(JsonElement block, ToolResultBlock result, bool mayHoldNote, string where)
    {
        Require(block.Text("type") == "tool_result", GateRefusal.CallersPart, where);
        OnlyMembers(block, where, "type", "tool_use_id", "content", "is_error", "cache_control");
        seen.CountBreakpoint(block);
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
                    seen.ReadText(parts[index], GateRefusal.CallersPart, where) == words.Text.Reveal() + "\n",
                    GateRefusal.CallersPart,
                    where
                );
            }
            else
            {
                ProveBlock(parts[index], result.Content[index], where);
            }
        }

        seen.NoteReminders(reminders, where);
    }

    /// <summary>Proves a result that is one text, or empty. The note takes the place of an empty result.</summary>
    private void ProveSingle(string text, ToolResultBlock result, bool mayHoldNote, string where)
    {
        if (mayHoldNote && result.Content.Count == 0 && SeenShape.IsReminder(text))
        {
            seen.Note(NotePlacement.Reminders, text.TrimEnd('\n') + "\n");
            return;
        }

        Require(
            result.Content is [TextBlock only] ? text == only.Text.Reveal() : result.Content.Count == 0 && text.Length == 0,
            GateRefusal.CallersPart,
            where
        );
    }

    private static bool IsOf(JsonElement source, string type, string mediaType) =>
        source.Text("type") == type && source.Text("media_type") == mediaType;

    private static bool IsSame(JsonElement block, string name, PromptText? expected) =>
        expected is null
            ? !block.TryGetProperty(name, out _)
            : block.Member(name) is { ValueKind: JsonValueKind.String } text && text.ValueEquals(expected.Reveal());

    private static bool IsCited(JsonElement block, string where)
    {
        if (block.Member("citations") is not { } citations)
        {
            return false;
        }

        OnlyMembers(citations, where, "enabled");
        return citations.Member("enabled")?.ValueKind == JsonValueKind.True;
    }
}
