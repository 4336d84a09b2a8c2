using System.Buffers;

namespace Relay.Infrastructure.Html;

/// <summary>
/// The part of a page that a person came for, by the rules of Mozilla's Readability over the page's outline. Libraries with these rules
/// ask each element again and again for all text below it: their time grows with the square of a page, and nothing stops them. Here each
/// rule looks at sums, so that the time grows with the page.
/// </summary>
internal static class ReadablePart
{
    /// <summary>The fewest letters of an article.</summary>
    private const int MinLength = 400;

    /// <summary>A shorter result is tried again with rules that leave more.</summary>
    private const int EnoughLength = 500;

    /// <summary>The smallest share of the page's text in an article. With less, it is one teaser, table cell or post of many.</summary>
    private const double MinShare = 0.4;

    private const int MaxHeading = 300;

    /// <summary>Finds the part of a stripped page, as HTML in UTF-8; null where the whole page is better.</summary>
    public static ReadOnlyMemory<byte>? Find(ReadOnlySpan<byte> html, string? title, CancellationToken cancellationToken)
    {
        if (PageOutline.Of(html, cancellationToken) is not { } nodes)
        {
            return null;
        }

        var whole = nodes.Sum(node => node.Letters);
        foreach (
            var (strip, weigh, clean) in ((bool, bool, bool)[])
                [(true, true, true), (false, true, true), (false, false, true), (false, false, false)]
        )
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (whole < MinLength || new ArticleFinder(nodes, strip, weigh, clean).Find() is not { Length: >= EnoughLength } article)
            {
                continue;
            }

            return article.Length < whole * MinShare ? null : Write(html, nodes, article, title);
        }

        return null;
    }

    private static ReadOnlyMemory<byte> Write(ReadOnlySpan<byte> html, List<OutlineNode> nodes, Article article, string? title)
    {
        var output = new ArrayBufferWriter<byte>(html.Length);
        if (
            !article.Kept.Any(range =>
                nodes.Skip(range.First).Take(range.Next - range.First).Any(node => node.Tag == HtmlTag.H1 && node.Letters > 0)
            )
        )
        {
            WriteHeading(html, nodes, title, output);
        }

        foreach (var kept in article.Kept)
        {
            output.Write("<div>"u8);
            var from = nodes[kept.First].Start;
            for (var at = kept.First; at < kept.Next; )
            {
                if (!article.IsRemoved(at))
                {
                    at++;
                    continue;
                }

                // Two pieces of text must not become markup together.
                output.Write(html[from..nodes[at].Start]);
                output.Write("<wbr>"u8);
                (from, at) = (nodes[at].End, nodes[at].Next);
            }

            output.Write(html[from..Math.Max(from, nodes[kept.First].End)]);
            output.Write("</div>"u8);
        }

        return output.WrittenMemory;
    }

    /// <summary>Writes the page's heading, which often stands above the article; else its title.</summary>
    private static void WriteHeading(ReadOnlySpan<byte> html, List<OutlineNode> nodes, string? title, ArrayBufferWriter<byte> output)
    {
        if (nodes.Find(node => node.Tag == HtmlTag.H1) is { } heading && heading.End - heading.Start < MaxHeading * 4)
        {
            output.Write(html[heading.Start..heading.End]);
        }
        else if (!string.IsNullOrWhiteSpace(title))
        {
            output.Write(System.Text.Encoding.UTF8.GetBytes($"<h1>{System.Net.WebUtility.HtmlEncode(title)}</h1>"));
        }
    }
}
