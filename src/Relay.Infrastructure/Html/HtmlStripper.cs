using System.Buffers;
using System.Globalization;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>
/// Takes out of a page the parts that only a browser needs: scripts, styles, SVG, templates, comments. Everything else stays as it is
/// written, JSON-LD too. The result holds none of these parts, also when it is read again. Two pieces of text around a removed part are
/// kept from becoming markup, or a character reference, together.
/// </summary>
internal ref struct HtmlStripper
{
    private const int LongestReference = 40;
    private const int TokensBetweenChecks = 1024;

    private readonly IBufferWriter<byte> _output;
    private readonly ReadOnlySpan<byte> _html;
    private HtmlTokenizer _tokens;

    /// <summary>The beginning of the kept part that is not written yet.</summary>
    private int _keptFrom;

    /// <summary>Whether the text that was written last could continue in the following text.</summary>
    private bool _isOpenEnded;

    private HtmlStripper(ReadOnlySpan<byte> html, IBufferWriter<byte> output)
    {
        _html = html;
        _tokens = new HtmlTokenizer(html);
        _output = output;
    }

    /// <summary>Writes the page, valid UTF-8, without these parts. Each removed part can lengthen it by a few bytes.</summary>
    public static void Strip(ReadOnlySpan<byte> html, IBufferWriter<byte> output, CancellationToken cancellationToken) =>
        new HtmlStripper(html, output).Run(cancellationToken);

    private void Run(CancellationToken cancellationToken)
    {
        for (var count = 1; _tokens.Read(); count++)
        {
            if (count % TokensBetweenChecks == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            switch (_tokens.Kind)
            {
                case HtmlTokenKind.Comment:
                    Remove(_tokens.Start);
                    break;
                case HtmlTokenKind.StartTag when IsUnwanted():
                    RemoveElement();
                    break;
                case HtmlTokenKind.Text when _isOpenEnded:
                    WriteApart();
                    break;
                case HtmlTokenKind.StartTag or HtmlTokenKind.EndTag or HtmlTokenKind.Doctype:
                    _isOpenEnded = false;
                    break;
            }
        }

        Write(_html[_keptFrom..]);
    }

    private readonly bool IsUnwanted() =>
        _tokens.Tag switch
        {
            HtmlTag.Style or HtmlTag.Svg => true,
            HtmlTag.Template => !IsShadowRoot(_tokens.Attributes),
            HtmlTag.Script => !IsJsonLd(_tokens.Attributes),
            _ => false,
        };

    /// <summary>Whether a script element holds data for search engines.</summary>
    public static bool IsJsonLd(HtmlAttributes attributes) =>
        HtmlAttributes.Find(attributes, "type"u8) is { } type
        && type.AsSpan(0, type.IndexOf(';', StringComparison.Ordinal) is var end and >= 0 ? end : type.Length)
            .Trim()
            .Equals("application/ld+json", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a template is shown in its place.</summary>
    public static bool IsShadowRoot(HtmlAttributes attributes) =>
        HtmlAttributes.Find(attributes, "shadowrootmode"u8)?.ToLowerInvariant() is "open" or "closed";

    /// <summary>Removes everything from this place to the end of the token at hand.</summary>
    private void Remove(int from)
    {
        var kept = _html[_keptFrom..from];
        if (kept.Length > 0)
        {
            Write(kept);
            // Only text can be open; a tag ends in '>'.
            _isOpenEnded = EndsOpen(kept);
        }

        _keptFrom = _tokens.End;
    }

    /// <summary>
    /// Removes an element from its start tag to its end. SVG ends where the HTML around it goes on. A template ends with as many end tags
    /// as it had start tags. A script or style ends at its end tag, which inside MathML may be missing.
    /// </summary>
    private void RemoveElement()
    {
        var (from, tag, outside, open) = (_tokens.Start, _tokens.Tag, _tokens.ForeignDepth, 1);
        if (tag == HtmlTag.Svg)
        {
            outside -= _tokens.IsSelfClosing ? 0 : 1;
        }

        var isOver = tag == HtmlTag.Svg ? _tokens.IsSelfClosing : _tokens.IsForeign && _tokens.IsSelfClosing;
        Remove(from);
        while (!isOver && _tokens.Read())
        {
            var hasLeft = tag == HtmlTag.Svg ? _tokens.ForeignDepth <= outside : _tokens.ForeignDepth < outside;
            if (hasLeft && !(_tokens.Kind == HtmlTokenKind.EndTag && _tokens.Tag == tag))
            {
                // A tag of the HTML around it, which ended the element and does not belong to it.
                _keptFrom = _tokens.Start;
                _isOpenEnded = false;
                return;
            }

            open +=
                _tokens.Tag != tag ? 0
                : _tokens.Kind == HtmlTokenKind.StartTag ? 1
                : _tokens.Kind == HtmlTokenKind.EndTag ? -1
                : 0;
            isOver =
                hasLeft
                || (tag == HtmlTag.Template && open == 0)
                || (tag is HtmlTag.Script or HtmlTag.Style && _tokens.Kind == HtmlTokenKind.EndTag && _tokens.Tag == tag);
            _keptFrom = _tokens.End;
        }

        // Elements that were opened inside it and not closed go with it.
        _tokens.CloseTo(outside);
        _keptFrom = _tokens.End;
    }

    /// <summary>Writes the first letter of the text behind a removed part as a number.</summary>
    private void WriteApart()
    {
        _isOpenEnded = false;
        var first = _html[_tokens.Start];
        // Letters that could continue "<" or "&am".
        if (
            first < 0x80
            && (char.IsAsciiLetterOrDigit((char)first) || first is (byte)';' or (byte)'#' or (byte)'/' or (byte)'!' or (byte)'?')
        )
        {
            Write(_html[_keptFrom.._tokens.Start]);
            Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"&#{first};")));
            _keptFrom = _tokens.Start + 1;
        }
    }

    /// <summary>Whether text ends in a '&lt;', or in the possible beginning of a character reference.</summary>
    private static bool EndsOpen(ReadOnlySpan<byte> text)
    {
        if (text[^1] == '<')
        {
            return true;
        }

        for (var at = text.Length - 1; at >= Math.Max(0, text.Length - LongestReference); at--)
        {
            if (text[at] == '&')
            {
                return true;
            }

            if (!char.IsAsciiLetterOrDigit((char)text[at]) && text[at] != '#')
            {
                return false;
            }
        }

        return false;
    }

    private readonly void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 0)
        {
            _output.Write(bytes);
        }
    }
}
