namespace Relay.Infrastructure.Html;

/// <summary>How large and how deep a tree would be that a parser makes of a page, counted without making one.</summary>
/// <param name="Elements">Start tags, and the formatting elements that a parser opens again in every block.</param>
/// <param name="Depth">Most elements that are open at once.</param>
/// <param name="NestedText">Bytes of text, each as often as there are elements around it.</param>
internal sealed record MarkupShape(long Elements, int Depth, long NestedText)
{
    /// <summary>Measures a page.</summary>
    public static MarkupShape Of(ReadOnlySpan<byte> html)
    {
        var (elements, depth, deepest, formatting, nestedText) = (0L, 0, 0, 0, 0L);
        // By name: an end tag of what is not open ends nothing, for a parser passes it by.
        var open = new Dictionary<int, int>();
        var tokens = new HtmlTokenizer(html);
        while (tokens.Read())
        {
            if (tokens.Kind == HtmlTokenKind.Text)
            {
                nestedText += (long)depth * tokens.Raw.Length;
            }
            else if (tokens.Kind == HtmlTokenKind.StartTag)
            {
                var isFormatting = IsFormatting(tokens.Tag);
                // "<b><i>…<p>…<p>": each block gets elements of its own for what was open before it.
                elements += isFormatting ? 1 : 1 + formatting;
                formatting += isFormatting ? 1 : 0;
                if (!HasNoContent(tokens.Tag) && !ClosesItself(tokens.Tag) && !(tokens.IsSelfClosing && tokens.IsForeign))
                {
                    deepest = Math.Max(deepest, ++depth);
                    var opened = NameOf(tokens.Tag, tokens.Name);
                    open[opened] = open.GetValueOrDefault(opened) + 1;
                }
            }
            else if (tokens.Kind == HtmlTokenKind.EndTag && NameOf(tokens.Tag, tokens.Name) is var closed && open.GetValueOrDefault(closed) is var count and > 0)
            {
                open[closed] = count - 1;
                formatting -= IsFormatting(tokens.Tag) ? 1 : 0;
                depth--;
            }
        }

        return new MarkupShape(elements, deepest, nestedText);
    }

    /// <summary>A number for an element's name, beyond the tags' own for a name that is none of them.</summary>
    private static int NameOf(HtmlTag tag, ReadOnlySpan<byte> name)
    {
        if (tag != HtmlTag.Unknown)
        {
            return (int)tag;
        }

        var hash = new HashCode();
        foreach (var letter in name)
        {
            hash.Add(letter is >= (byte)'A' and <= (byte)'Z' ? (byte)(letter | 0x20) : letter);
        }

        return hash.ToHashCode() | 0x4000_0000;
    }

    private static bool IsFormatting(HtmlTag tag) => tag is
        HtmlTag.A or HtmlTag.B or HtmlTag.Big or HtmlTag.Code or HtmlTag.Em or HtmlTag.Font or HtmlTag.I or HtmlTag.Nobr or HtmlTag.S or HtmlTag.Small or HtmlTag.Strike
        or HtmlTag.Strong or HtmlTag.Tt or HtmlTag.U;

    /// <summary>Elements without an end tag.</summary>
    public static bool HasNoContent(HtmlTag tag) => tag is
        HtmlTag.Area or HtmlTag.Base or HtmlTag.Br or HtmlTag.Col or HtmlTag.Embed or HtmlTag.Frame or HtmlTag.Hr or HtmlTag.Img or HtmlTag.Input or HtmlTag.Link or HtmlTag.Meta
        or HtmlTag.Param or HtmlTag.Source or HtmlTag.Track or HtmlTag.Wbr;

    /// <summary>Elements that the next of their kind ends: many pages leave their end tags out, and they nest only by others.</summary>
    private static bool ClosesItself(HtmlTag tag) => tag is
        HtmlTag.Dd or HtmlTag.Dt or HtmlTag.Li or HtmlTag.Option or HtmlTag.P or HtmlTag.Rp or HtmlTag.Rt or HtmlTag.Tbody or HtmlTag.Td or HtmlTag.Tfoot or HtmlTag.Th
        or HtmlTag.Thead or HtmlTag.Tr;
}
