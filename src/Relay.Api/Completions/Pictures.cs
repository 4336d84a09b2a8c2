using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>Pictures in a conversation, once their place in the JSON is known.</summary>
internal static class Pictures
{
    /// <summary>A picture in base64; null for an error, which goes to the fields.</summary>
    public static ImageBlock? Read(FieldReader fields, string field, string? data) =>
        fields.Error is null ? fields.Take(ImageBlock.Create(field, data)) : null;

    /// <summary>A picture that the API fetches; null for an error, which goes to the fields.</summary>
    public static ImageLink? ReadLink(FieldReader fields, string field, string? url) =>
        fields.Error is null ? fields.Take(ImageLink.Create(field, url)) : null;
}
