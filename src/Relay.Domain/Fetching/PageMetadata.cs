using System.Text.Json;

namespace Relay.Domain.Fetching;

/// <summary>The metadata of a page, read from the whole page before anything is cut.</summary>
/// <param name="Title">The text of the first <c>title</c> element, white space collapsed; else <c>og:title</c>.</param>
/// <param name="Description">The <c>description</c> meta element; else <c>og:description</c>.</param>
/// <param name="Language">The <c>lang</c> of the <c>html</c> element; else <c>content-language</c>, as it was written.</param>
/// <param name="Canonical">The absolute URL of <c>link rel=canonical</c>; null unless it is http or https.</param>
/// <param name="JsonLd">The JSON-LD blocks; one that is not valid JSON is a JSON string of its text.</param>
/// <param name="JsonLdOmitted">Blocks left out because all together would be too large.</param>
public sealed record PageMetadata(
    string? Title,
    string? Description,
    string? Language,
    string? Canonical,
    IReadOnlyList<JsonElement> JsonLd,
    int JsonLdOmitted
)
{
    /// <summary>The page's Open Graph, by the names behind <c>og:</c>; the first of several of a name.</summary>
    public IReadOnlyDictionary<string, string> OpenGraph { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Empty metadata, for a document that is not HTML.</summary>
    public static PageMetadata None { get; } = new(null, null, null, null, [], 0);
}
