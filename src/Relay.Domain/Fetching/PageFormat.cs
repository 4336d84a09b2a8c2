namespace Relay.Domain.Fetching;

/// <summary>The form in which a page's content is wanted.</summary>
public enum PageFormat
{
    /// <summary>The page's markup, stripped or as it came.</summary>
    Html,

    /// <summary>The readable part as plain text.</summary>
    Text,

    /// <summary>The readable part as Markdown.</summary>
    Markdown,
}
