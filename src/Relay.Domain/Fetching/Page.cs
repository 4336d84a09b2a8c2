using System.Text.Json;

namespace Relay.Domain.Fetching;

/// <summary>A page in the form that was asked for.</summary>
/// <param name="Content">
/// The piece of the content that was asked for: valid UTF-8, never begun or ended inside a character or a tag.
/// </param>
/// <param name="TotalChars">
/// Unicode code points of the whole content, of which <paramref name="Content"/> is a piece; null when the relay did not read the page to
/// its end.
/// </param>
/// <param name="NextOffset">The beginning of the next piece, in code points; null when no more can be had.</param>
/// <param name="IsTruncated">Whether the page goes on behind this piece, also when that part can't be had.</param>
/// <param name="Charset">
/// The encoding the bytes were read in, by its name in the WHATWG Encoding Standard, in lower case; null for an empty body and for a PDF.
/// </param>
/// <param name="Metadata">The metadata of the whole page.</param>
public sealed record Page(
    ReadOnlyMemory<byte> Content,
    long? TotalChars,
    long? NextOffset,
    bool IsTruncated,
    string? Charset,
    PageMetadata Metadata
)
{
    /// <summary>No data for scripts.</summary>
    public static IReadOnlyDictionary<string, JsonElement> NoData { get; } = new Dictionary<string, JsonElement>(StringComparer.Ordinal);

    /// <summary>Pages of a PDF, by its own count; null for other documents.</summary>
    public int? Pages { get; init; }

    /// <summary>The reason why the page seems to need its scripts; null when it does not.</summary>
    public ScriptNeed? NeedsScripts { get; init; }

    /// <summary>The JSON that such a page carries for its scripts, by the ids of its script elements; empty for other pages.</summary>
    public IReadOnlyDictionary<string, JsonElement> Data { get; init; } = NoData;
}

/// <summary>A reason why a page seems to need its scripts before it shows anything.</summary>
public enum ScriptNeed
{
    /// <summary>Its <c>noscript</c> text says so.</summary>
    Noscript,

    /// <summary>It is the root of an application that holds nothing yet.</summary>
    EmptyRoot,

    /// <summary>It has scripts, and neither text nor an image.</summary>
    NoText,
}

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
