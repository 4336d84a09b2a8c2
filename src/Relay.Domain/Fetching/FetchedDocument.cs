namespace Relay.Domain.Fetching;

/// <summary>A document as it came from the network, decompressed.</summary>
/// <param name="Url">The URL that answered, after all redirects.</param>
/// <param name="Kind">The kind, which decides how it is read.</param>
/// <param name="Charset">The charset parameter of its content type, as sent; null for none.</param>
/// <param name="Body">Its bytes.</param>
/// <param name="IsWhole">False for a document that is longer than the relay reads.</param>
public sealed record FetchedDocument(Uri Url, DocumentKind Kind, string? Charset, ReadOnlyMemory<byte> Body, bool IsWhole)
{
    /// <summary>The text of a PDF; null for other kinds, and before it is read.</summary>
    public PdfText? Pdf { get; init; }
}
