using System.Buffers;

namespace Relay.Infrastructure.Html;

/// <summary>Finds the end of elements whose text is not markup: scripts, styles, titles and the like.</summary>
internal static class HtmlRawText
{
    private static readonly SearchValues<byte> NameEnds = SearchValues.Create("\t\n\f\r />"u8);
    private static readonly SearchValues<byte> ScriptMarks = SearchValues.Create("<-"u8);

    /// <summary>The end tag of an element whose text begins here, or the end of the page.</summary>
    public static int FindEnd(ReadOnlySpan<byte> html, int position, HtmlTag element) =>
        element switch
        {
            HtmlTag.Plaintext => html.Length,
            HtmlTag.Script => FindScriptEnd(html, position),
            _ => FindEndTag(html, position, element),
        };

    private static int FindEndTag(ReadOnlySpan<byte> html, int from, HtmlTag element)
    {
        while (true)
        {
            var at = html[from..].IndexOf("</"u8);
            if (at < 0)
            {
                return html.Length;
            }

            from += at;
            if (IsTagOf(html, element, from + 2))
            {
                return from;
            }

            from += 2;
        }
    }

    private static bool IsTagOf(ReadOnlySpan<byte> html, HtmlTag element, int name)
    {
        var length = html[name..Math.Min(html.Length, name + 16)].IndexOfAny(NameEnds);
        return length > 0 && HtmlTags.Find(html.Slice(name, length)) == element;
    }

    /// <summary>Finds the end of a script. In a comment, a script may hold text that looks like its end (13.2.5.15 to .31).</summary>
    private static int FindScriptEnd(ReadOnlySpan<byte> html, int at)
    {
        bool isEscaped = false,
            isDoubleEscaped = false;
        while (true)
        {
            var mark = isEscaped ? html[at..].IndexOfAny(ScriptMarks) : html[at..].IndexOf((byte)'<');
            if (mark < 0)
            {
                return html.Length;
            }

            at += mark;
            var rest = html[at..];
            if (rest[0] == '-')
            {
                var hyphens = rest.IndexOfAnyExcept((byte)'-') is var others and >= 0 ? others : rest.Length;
                at += hyphens;
                if (hyphens >= 2 && at < html.Length && html[at] == '>')
                {
                    (isEscaped, isDoubleEscaped) = (false, false);
                }
            }
            else if (!isEscaped && rest.StartsWith("<!--"u8))
            {
                isEscaped = true;
                // Its hyphens may be the first of those that end it.
                at += 2;
            }
            else if (rest.StartsWith("</"u8) && IsTagOf(html, HtmlTag.Script, at + 2))
            {
                if (!isDoubleEscaped)
                {
                    return at;
                }

                isDoubleEscaped = false;
                at += 2;
            }
            else if (isEscaped && !isDoubleEscaped && IsTagOf(html, HtmlTag.Script, at + 1))
            {
                isDoubleEscaped = true;
                at++;
            }
            else
            {
                at++;
            }
        }
    }
}
