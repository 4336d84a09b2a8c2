namespace Relay.Infrastructure.Html;

/// <summary>The kind of a token.</summary>
internal enum HtmlTokenKind
{
    /// <summary>Text, with its character references as they are written.</summary>
    Text,

    StartTag,

    EndTag,

    /// <summary>A comment, and everything else that browsers ignore: bogus comments, and a tag that the end of the page cuts off.</summary>
    Comment,

    Doctype,
}
