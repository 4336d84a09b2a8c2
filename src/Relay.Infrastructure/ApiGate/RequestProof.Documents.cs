using System.Text.Json;
using Relay.Domain.Completions;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <content>Documents among the caller's blocks.</content>
internal sealed partial class RequestProof
{
    private void ProveDocument(JsonElement block, DocumentBlock expected, string where)
    {
        OnlyMembers(block, where, "type", "source", "title", "context", "citations", "cache_control");
        CountBreakpoint(block);
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
                    ProveText(content[index], parts.Parts[index], where);
                }

                break;
            default:
                throw new DifferenceException(GateRefusal.CallersPart, where);
        }
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
