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
