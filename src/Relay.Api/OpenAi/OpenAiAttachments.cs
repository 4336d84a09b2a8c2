using System.Text.Json;
using Relay.Api.Completions;
using Relay.Domain.Completions;

namespace Relay.Api.OpenAi;

/// <summary>Pictures and documents in the forms of OpenAI's APIs, chat and Responses.</summary>
internal static class OpenAiAttachments
{
    public static bool Read(FieldReader fields, JsonElement block, string type, string field, out ContentBlock? attachment)
    {
        attachment = null;
        if (type == "file")
        {
            attachment = DocumentReader.ReadFile(fields, block.TryGetProperty("file", out var file) ? file : default, $"{field}.file");
            return true;
        }

        if (type == "input_file")
        {
            attachment = DocumentReader.ReadFile(fields, block, field);
            return true;
        }

        if (type is not ("image_url" or "input_image"))
        {
            return false;
        }

        // The relay ignores "detail". At OpenAI it changes little more than the price.
        field = $"{field}.image_url";
        var url =
            !block.TryGetProperty("image_url", out var holder) ? null
            : holder.ValueKind == JsonValueKind.String ? fields.Text(holder, field)
            : holder.ValueKind == JsonValueKind.Object ? fields.Text(holder, "url", field)
            : null;
        const string Scheme = "data:";
        const string Encoding = ";base64";
        if (url?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) != true)
        {
            attachment = Pictures.ReadLink(fields, field, url);
        }
        else if (
            url.IndexOf(',', StringComparison.Ordinal) is var comma and > 0
            && url.AsSpan(0, comma).EndsWith(Encoding, StringComparison.OrdinalIgnoreCase)
        )
        {
            attachment = Pictures.Read(fields, field, url[(comma + 1)..]);
        }
        else
        {
            fields.Refuse(field, $"'{field}' is a data URL without base64. Send data:image/png;base64,….");
        }

        return true;
    }
}
