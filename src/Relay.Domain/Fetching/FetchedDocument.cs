namespace Relay.Domain.Fetching;

/// <summary>What kind of document came, as far as its rendering goes.</summary>
public enum DocumentKind
{
    /// <summary>HTML, and XHTML read as HTML.</summary>
    Html,

    /// <summary>Plain text, Markdown, CSV and their like: content as it is, in every format.</summary>
    Text,

    /// <summary>JSON and XML: as text, but half of one is of no use, so it is never cut.</summary>
    Data,

    /// <summary>A PDF file, whose text is read by page.</summary>
    Pdf,
}

/// <summary>A document as it came from the network, decompressed.</summary>
/// <param name="Url">Where it came from, after all redirects.</param>
/// <param name="Kind">How it is to be read.</param>
/// <param name="Charset">The charset parameter of its content type, as sent; null for none.</param>
/// <param name="Body">Its bytes.</param>
/// <param name="IsWhole">False when it went on beyond what the relay reads.</param>
public sealed record FetchedDocument(Uri Url, DocumentKind Kind, string? Charset, ReadOnlyMemory<byte> Body, bool IsWhole)
{
    /// <summary>The text of a PDF; null for other kinds, and before it is read.</summary>
    public PdfText? Pdf { get; init; }
}
