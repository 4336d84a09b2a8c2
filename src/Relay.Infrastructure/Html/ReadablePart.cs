using System.Net;
using System.Text;
using SmartReader;

namespace Relay.Infrastructure.Html;

/// <summary>
/// The part of a page that a person came for, by Mozilla's Readability. On its text only: SmartReader would fetch pages by
/// itself, past the guard, and its <c>ParseArticle(uri, text)</c> is one of the ways (what looks like a text there is a
/// user agent); all of them are banned. Its parser makes a tree, whose depth costs stack and whose size costs time; so only pages of a measured size and depth are
/// given to it, and what it makes of the others is their whole.
/// </summary>
internal static class ReadablePart
{
    private const int MaxBytes = 2_000_000;
    /// <summary>Its time grows with the square of some of them: half a second for this many posts, five for 25,000 (measured).</summary>
    private const int MaxElements = 10_000;
    private const int MaxDepth = 256;
    /// <summary>It asks each element for all text below it: text that is deep is read, and copied, as often as it is deep (three seconds for 67 MB, measured).</summary>
    private const int MaxNestedText = 10_000_000;

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
        if (html.Length > MaxBytes || MarkupShape.Of(html) is { Elements: > MaxElements } or { Depth: > MaxDepth } or { NestedText: > MaxNestedText })
        {
            return null;
        }

        // Classes name the languages of code.
        using var reader = new Reader(url.AbsoluteUri, Encoding.UTF8.GetString(html)) { KeepClasses = true };
        var article = reader.GetArticle();
        if (!article.Completed || !article.IsReadable || article.TextContent is not { } text || Letters(text) < MinLength)
        {
            return null;
        }

        var whole = Letters(PageRenderer.ToText(html, url).Text);
        if (Letters(text) < whole * MinShare)
        {
            return null;
        }

        // It takes the page's title for known.
        var title = article.Content.Contains("<h1", StringComparison.OrdinalIgnoreCase) || string.IsNullOrWhiteSpace(article.Title) ? string.Empty : $"<h1>{WebUtility.HtmlEncode(article.Title)}</h1>";
        return Encoding.UTF8.GetBytes(title + article.Content);
    }

    private static int Letters(string text) => text.Count(letter => !char.IsWhiteSpace(letter));
}
