namespace Relay.Domain.Fetching;

/// <summary>The kind of a document, as far as its rendering goes.</summary>
public enum DocumentKind
{
    /// <summary>HTML, and XHTML read as HTML.</summary>
    Html,

    /// <summary>Plain text, Markdown, CSV and their like: content as it is, in every format.</summary>
    Text,

    /// <summary>JSON and XML: rendered as text and never cut, because half of such a document is of no use.</summary>
    Data,

    /// <summary>A PDF file, whose text is read by page.</summary>
    Pdf,
}
