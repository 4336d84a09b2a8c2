using System.Text;
using SmartReader;

namespace Relay.Infrastructure.Html;

/// <summary>
/// The part of a page that a person came for, by Mozilla's Readability. On its text only: nothing is ever fetched. Its
/// parser makes a tree, whose depth costs stack and whose size costs time; so only pages of a measured size and depth are
/// given to it, and what it makes of the others is their whole.
/// </summary>
internal static class ReadablePart
{
    private const int MaxBytes = 2_000_000;
    private const int MaxElements = 30_000;
    private const int MaxDepth = 256;

    /// <summary>Less than this is no article.</summary>
    private const int MinLength = 400;

    /// <summary>An article that has less of the page's text than this is one teaser among others, one cell of a table, one post.</summary>
    private const double MinShare = 0.4;

    /// <summary>Finds it.</summary>
    /// <param name="html">The stripped page: valid UTF-8.</param>
    /// <param name="url">Where it came from.</param>
    /// <returns>Its HTML in UTF-8; null where the whole page is better.</returns>
    public static byte[]? Find(ReadOnlySpan<byte> html, Uri url)
    {
        if (html.Length > MaxBytes || MarkupShape.Of(html) is { Elements: > MaxElements } or { Depth: > MaxDepth })
        {
            return null;
        }

        var article = Reader.ParseArticle(url.AbsoluteUri, Encoding.UTF8.GetString(html));
        if (!article.Completed || !article.IsReadable || article.TextContent is not { } text || Letters(text) < MinLength)
        {
            return null;
        }

        var whole = Letters(PageRenderer.ToText(html, url));
        return Letters(text) >= whole * MinShare ? Encoding.UTF8.GetBytes(article.Content) : null;
    }

    private static int Letters(string text) => text.Count(letter => !char.IsWhiteSpace(letter));
}
