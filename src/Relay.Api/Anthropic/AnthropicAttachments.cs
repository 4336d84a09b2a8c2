using System.Text.Json;
using Relay.Api.Completions;
using Relay.Domain.Completions;

namespace Relay.Api.Anthropic;

/// <summary>Pictures and documents in the form of Anthropic's API.</summary>
internal static class AnthropicAttachments
{
    public static bool Read(FieldReader fields, JsonElement block, string type, string field, out ContentBlock? attachment)
    {
        attachment = null;
        if (type == "document")
        {
            attachment = DocumentReader.Read(fields, block, field, isStrict: false);
            return true;
        }

        if (type != "image")
        {
            return false;
        }

        var source =
            block.TryGetProperty("source", out var holder) && holder.ValueKind == JsonValueKind.Object ? holder : (JsonElement?)null;
        attachment = (source is { } given ? fields.Text(given, "type", $"{field}.source") : null) switch
        {
            "base64" => Pictures.Read(fields, $"{field}.source", fields.Text(source!.Value, "data", $"{field}.source")),
            "url" => Pictures.ReadLink(fields, $"{field}.source", fields.Text(source!.Value, "url", $"{field}.source")),
            _ => fields.Refuse<ContentBlock?>(
                field,
                $"'{field}' needs a source: {{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"…\"}} or "
                    + $"{{\"type\":\"url\",\"url\":\"https://…\"}}.",
                null
            ),
        };
        return true;
    }
}
