using System.Buffers;

namespace Relay.Infrastructure.Html;

/// <summary>The elements of a page that are seen, in the order of their start tags, with measures of their text.</summary>
internal static class PageOutline
{
    /// <summary>Most elements. A page with more has no outline.</summary>
    public const int MaxNodes = 100_000;

    private const int MaxClass = 500;
    private const int ClassPoints = 25;

    /// <summary>The weight of a link within the page, which leads nowhere else.</summary>
    private const double InnerLink = 0.3;

    private static readonly SearchValues<string> Unlikely = SearchValues.Create(
        [
            "-ad-",
            "ai2html",
            "banner",
            "breadcrumbs",
            "combx",
            "comment",
            "community",
            "cover-wrap",
            "disqus",
            "extra",
            "footer",
            "gdpr",
            "header",
            "legends",
            "menu",
            "related",
            "remark",
            "replies",
            "rss",
            "shoutbox",
            "sidebar",
            "skyscraper",
            "social",
            "sponsor",
            "supplemental",
            "ad-break",
            "agegate",
            "pagination",
            "pager",
            "popup",
            "yom-remote",
        ],
        StringComparison.OrdinalIgnoreCase
    );

    private static readonly SearchValues<string> Likely = SearchValues.Create(
        ["and", "article", "body", "column", "content", "main", "shadow"],
        StringComparison.OrdinalIgnoreCase
    );

    private static readonly SearchValues<string> Positive = SearchValues.Create(
        ["article", "body", "content", "entry", "main", "page", "post", "text", "blog", "story"],
        StringComparison.OrdinalIgnoreCase
    );

    private static readonly SearchValues<string> Negative = SearchValues.Create(
        [
            "-ad-",
            "hidden",
            "banner",
            "combx",
            "comment",
            "com-",
            "contact",
            "footer",
            "gdpr",
            "masthead",
            "media",
            "meta",
            "outbrain",
            "promo",
            "related",
            "scroll",
            "share",
            "shoutbox",
            "sidebar",
            "skyscraper",
            "sponsor",
            "shopping",
            "tags",
            "widget",
        ],
        StringComparison.OrdinalIgnoreCase
    );

    /// <summary>Measures a page; null for one with too many elements.</summary>
    public static List<OutlineNode>? Of(ReadOnlySpan<byte> html, CancellationToken cancellationToken)
    {
        var nodes = new List<OutlineNode> { new(HtmlTag.Body, -1, 0) };
        var open = new Stack<int>([0]);
        var walker = new MarkupWalker(html, cancellationToken);
        var (hidden, link) = ((int?)null, 0d);
        while (walker.Read())
        {
            if (hidden is { } depth)
            {
                hidden = walker.Step == MarkupStep.Close && walker.Depth < depth ? null : hidden;
                continue;
            }

            var around = nodes[open.Peek()];
            switch (walker.Step)
            {
                case MarkupStep.Text:
                    Measure(walker.Raw, around, link);
                    break;
                case MarkupStep.Open when walker.Tag == HtmlTag.A:
                    link = LinkShare(walker.Attributes);
                    break;
                case MarkupStep.Close when walker.Tag == HtmlTag.A:
                    link = 0;
                    break;
                case MarkupStep.Open when walker.IsNested && (IsUnread(walker.Tag) || HiddenElements.Contains(walker)):
                    hidden = walker.Depth;
                    break;
                case MarkupStep.Open when walker.IsNested:
                    if (nodes.Count == MaxNodes)
                    {
                        return null;
                    }

                    nodes.Add(Make(walker, open.Peek()));
                    open.Push(nodes.Count - 1);
                    break;
                case MarkupStep.Open:
                    around.Images += walker.Tag == HtmlTag.Img ? 1 : 0;
                    around.Inputs += walker.Tag == HtmlTag.Input ? 1 : 0;
                    break;
                case MarkupStep.Close when !OpenElements.IsFormatting(walker.Tag):
                    (nodes[open.Peek()].End, nodes[open.Pop()].Next) = (walker.ElementEnd, nodes.Count);
                    link = EndsLink(walker.Tag) ? 0 : link;
                    break;
            }
        }

        (nodes[0].End, nodes[0].Next) = (html.Length, nodes.Count);
        return nodes;
    }

    /// <summary>Whether the end of this element ends a link that the page left open.</summary>
    private static bool EndsLink(HtmlTag tag) =>
        tag is HtmlTag.Div or HtmlTag.Td or HtmlTag.Th or HtmlTag.Section or HtmlTag.Article or HtmlTag.Ul or HtmlTag.Ol or HtmlTag.Table;

    private static bool IsUnread(HtmlTag tag) =>
        tag
            is HtmlTag.Script
                or HtmlTag.Style
                or HtmlTag.Title
                or HtmlTag.Iframe
                or HtmlTag.Object
                or HtmlTag.Canvas
                or HtmlTag.Audio
                or HtmlTag.Video
                or HtmlTag.Noscript
                or HtmlTag.Textarea
                or HtmlTag.Noembed
                or HtmlTag.Noframes
                or HtmlTag.Progress
                or HtmlTag.Datalist;

    private static double LinkShare(HtmlAttributes attributes) =>
        HtmlAttributes.Find(attributes, "href"u8) switch
        {
            null => 0,
            ['#', ..] => InnerLink,
            _ => 1,
        };

    private static OutlineNode Make(in MarkupWalker walker, int parent)
    {
        var (classes, id, role) = (string.Empty, string.Empty, (string?)null);
        foreach (var attribute in walker.Attributes)
        {
            if (attribute.Is("class"u8))
            {
                classes = attribute.Text;
            }
            else if (attribute.Is("id"u8))
            {
                id = attribute.Text;
            }
            else if (attribute.Is("role"u8))
            {
                role = attribute.Text;
            }
        }

        var first = classes.AsSpan(0, Math.Min(classes.Length, MaxClass));
        var second = id.AsSpan(0, Math.Min(id.Length, MaxClass));
        return new OutlineNode(walker.Tag, parent, walker.TokenStart)
        {
            Weight = Points(first) + Points(second),
            IsUnlikely =
                role is "menu" or "menubar" or "complementary" or "navigation" or "alert" or "alertdialog" or "dialog"
                || (
                    (first.ContainsAny(Unlikely) || second.ContainsAny(Unlikely))
                    && !first.ContainsAny(Likely)
                    && !second.ContainsAny(Likely)
                ),
            IsShare = IsShare(first) || IsShare(second),
            ClassNumber = first.Length == 0 ? 0 : string.GetHashCode(first, StringComparison.Ordinal) | 1,
        };
    }

    private static int Points(ReadOnlySpan<char> name) =>
        name.Length == 0 ? 0 : (name.ContainsAny(Positive) ? ClassPoints : 0) - (name.ContainsAny(Negative) ? ClassPoints : 0);

    private static bool IsShare(ReadOnlySpan<char> name)
    {
        foreach (var word in name.SplitAny(' ', '-', '_', '\n', '\t'))
        {
            if (name[word] is "share" or "sharedaddy")
            {
                return true;
            }
        }

        return false;
    }

    private static void Measure(ReadOnlySpan<byte> text, OutlineNode node, double link)
    {
        var (letters, isSpace) = (0, true);
        for (var at = 0; at < text.Length; at++)
        {
            var one = text[at];
            if (one is (byte)' ' or (byte)'\n' or (byte)'\t' or (byte)'\r' or (byte)'\f')
            {
                letters += isSpace ? 0 : 1;
                isSpace = true;
                continue;
            }

            isSpace = false;
            letters += (one & 0xC0) == 0x80 ? 0 : 1;
            node.Commas +=
                one == ','
                || (one == 0x8C && at > 0 && text[at - 1] is 0xD8 or 0xBC)
                || (one == 0x81 && at > 1 && text[at - 1] == 0x80 && text[at - 2] == 0xE3)
                    ? 1
                    : 0;
            node.HasSentence |= one == '.' || (one == 0x82 && at > 1 && text[at - 1] == 0x80 && text[at - 2] == 0xE3);
        }

        node.Letters += letters;
        node.LinkLetters += letters * link;
    }
}
