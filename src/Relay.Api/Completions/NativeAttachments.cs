using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>Pictures and documents in the relay's own form.</summary>
internal static class NativeAttachments
{
    public static bool Read(FieldReader fields, JsonElement block, string type, string field, out ContentBlock? attachment)
    {
        attachment = null;
        if (type == "document")
        {
            attachment = DocumentReader.Read(fields, block, field, isStrict: true);
            return true;
        }

        if (type != "image")
        {
            return false;
        }

        if (fields.IsObject(block, field, "type", "media_type", "data"))
        {
            // The bytes tell the kind of the picture.
            fields.Text(block, "media_type", field);
            attachment = Pictures.Read(fields, field, fields.Text(block, "data", field));
        }

        return true;
    }
}
