using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>Reads documents in the two forms that callers send: Anthropic's, which is the relay's own too, and OpenAI's files.</summary>
internal static class DocumentReader
{
    /// <summary>
    /// <c>{"type":"document","source":{"type":"base64"|"text"|"content",…},"title","context","citations":{"enabled":true}}</c>; null when
    /// it is wrong.
    /// </summary>
    public static DocumentBlock? Read(FieldReader fields, JsonElement block, string field, bool isStrict)
    {
        if (isStrict && !fields.IsObject(block, field, "type", "source", "title", "context", "citations", "cache_control"))
        {
            return null;
        }

        var source = ReadSource(fields, block, $"{field}.source");
        var title = ReadWords(fields, block, "title", field);
        var context = ReadWords(fields, block, "context", field);
        var hasCitations = ReadCitations(fields, block, field);
        if (title?.Reveal().Length > DocumentBlock.MaxTitle)
        {
            fields.Refuse($"{field}.title", $"'{field}.title' has at most {DocumentBlock.MaxTitle} characters.");
        }

        return source is null || fields.Error is not null
            ? null
            : new DocumentBlock(source)
            {
                Title = title,
                Context = context,
                HasCitations = hasCitations,
            };
    }

    /// <summary><c>{"file_data":"data:application/pdf;base64,…","filename":"a.pdf"}</c>; null when it is wrong.</summary>
    public static DocumentBlock? ReadFile(FieldReader fields, JsonElement file, string field)
    {
        if (file.ValueKind != JsonValueKind.Object)
        {
            return fields.Refuse<DocumentBlock?>(field, $"'{field}' is not an object.", null);
        }

        var data = fields.Text(file, "file_data", field);
        var name = fields.Text(file, "filename", field);
        if (fields.Error is not null)
        {
            return null;
        }

        return data is not null ? fields.Take(DocumentBlock.FromFile($"{field}.file_data", DataOf(data), name))
            : IsThere(file, "file_url")
                ? fields.Refuse<DocumentBlock?>(
                    $"{field}.file_url",
                    NoUrl($"{field}.file_url", "'file_data' as data:application/pdf;base64,…"),
                    null
                )
            : fields.Refuse<DocumentBlock?>(
                field,
                $"'{field}' needs 'file_data': data:application/pdf;base64,…. Files that were uploaded elsewhere ('file_id') are "
                    + $"not known here.",
                null
            );
    }

    private static DocumentSource? ReadSource(FieldReader fields, JsonElement block, string field)
    {
        if (!block.TryGetProperty("source", out var source) || source.ValueKind != JsonValueKind.Object)
        {
            return NoSource(fields, field);
        }

        switch (fields.Text(source, "type", field))
        {
            case "base64":
                var data = fields.Text(source, "data", field);
                return fields.Error is null ? fields.Take(PdfSource.Create($"{field}.data", data)) : null;
            case "text":
                var words = fields.Text(source, "data", field);
                return fields.Error is null && fields.Take(PromptText.Create($"{field}.data", words)) is { } text
                    ? new TextSource(text)
                    : null;
            case "content":
                return source.TryGetProperty("content", out var content)
                    ? ReadParts(fields, content, $"{field}.content")
                    : NoSource(fields, field);
            case "url":
                return fields.Refuse<DocumentSource?>(
                    field,
                    NoUrl(field, "{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"…\"}"),
                    null
                );
            case "file":
                return fields.Refuse<DocumentSource?>(
                    field,
                    $"'{field}' names a file that was uploaded elsewhere, and the relay has no such files. Send the file itself: "
                        + $"{{\"type\":\"base64\",…}}.",
                    null
                );
            default:
                return NoSource(fields, field);
        }
    }

    private static DocumentSource? NoSource(FieldReader fields, string field) =>
        fields.Refuse<DocumentSource?>(
            field,
            $"'{field}' takes {{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"…\"}}, "
                + $"{{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"…\"}}"
                + " or {\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"…\"}]}.",
            null
        );

    private static string NoUrl(string field, string instead) =>
        $"'{field}' is a URL, and the relay fetches nothing for a prompt. Send the file itself: {instead}.";

    private static PartsSource? ReadParts(FieldReader fields, JsonElement content, string field)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return fields.Take(PromptText.Create(field, fields.Text(content, field))) is { } only && fields.Error is null
                ? new PartsSource([only])
                : null;
        }

        if (content.ValueKind != JsonValueKind.Array || content.GetArrayLength() is 0 or > Conversation.MaxBlocksPerMessage)
        {
            return fields.Refuse<PartsSource?>(
                field,
                $"'{field}' takes a text, or a list of 1 to {Conversation.MaxBlocksPerMessage} text blocks.",
                null
            );
        }

        var parts = new List<PromptText>();
        foreach (var part in content.EnumerateArray())
        {
            var place = $"{field}[{parts.Count}]";
            if (part.ValueKind != JsonValueKind.Object || fields.Text(part, "type", place) != "text")
            {
                return fields.Refuse<PartsSource?>(
                    place,
                    $"'{place}' is not a text block. Put pictures beside the document, not into it.",
                    null
                );
            }

            var text = fields.Text(part, "text", place);
            if (fields.Error is not null || fields.Take(PromptText.Create($"{place}.text", text)) is not { } words)
            {
                return null;
            }

            parts.Add(words);
        }

        return new PartsSource(parts);
    }

    /// <summary>Words that may be missing. Blank words count as missing.</summary>
    private static PromptText? ReadWords(FieldReader fields, JsonElement block, string name, string field)
    {
        var words = fields.Text(block, name, field);
        return fields.Error is not null || string.IsNullOrWhiteSpace(words)
            ? null
            : fields.Take(PromptText.Create($"{field}.{name}", words));
    }

    private static bool ReadCitations(FieldReader fields, JsonElement block, string field)
    {
        if (!block.TryGetProperty("citations", out var citations) || citations.ValueKind == JsonValueKind.Null)
        {
            return false;
        }

        if (
            citations.ValueKind != JsonValueKind.Object
            || (
                citations.TryGetProperty("enabled", out var enabled) && enabled.ValueKind is not (JsonValueKind.True or JsonValueKind.False)
            )
        )
        {
            fields.Refuse($"{field}.citations", $"'{field}.citations' takes {{\"enabled\":true}} or {{\"enabled\":false}}.");
            return false;
        }

        return citations.TryGetProperty("enabled", out var given) && given.ValueKind == JsonValueKind.True;
    }

    /// <summary>The base64 of a data URL, or of a text of base64 alone.</summary>
    private static string DataOf(string data) =>
        data.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
        && data.IndexOf(',', StringComparison.Ordinal) is var comma and > 0
        && data.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
            ? data[(comma + 1)..]
            : data;

    private static bool IsThere(JsonElement file, string name) =>
        file.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;
}
