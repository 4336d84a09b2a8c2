namespace Relay.Infrastructure.Html;

/// <summary>The kind of a token.</summary>
internal enum HtmlTokenKind
{
    /// <summary>Text, with its character references as they are written.</summary>
    Text,

    /// <summary>A start tag.</summary>
    StartTag,

    /// <summary>An end tag.</summary>
    EndTag,

    /// <summary>A comment, and everything else that browsers ignore: bogus comments, and a tag that the end of the page cuts off.</summary>
    Comment,

    /// <summary>A document type.</summary>
    Doctype,
}
