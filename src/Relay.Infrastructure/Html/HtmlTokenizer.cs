using System.Buffers;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>
/// Cuts a page into tokens, by the states of the HTML Standard's tokenizer (WHATWG, 13.2.5, scripting disabled), over UTF-8
/// bytes: one pass, no tree, no allocation, a stack that does not grow. The standard's tree builder tells its tokenizer which
/// elements hold raw text, and where SVG and MathML begin and end. <see cref="ForeignContent"/> does that here.
/// </summary>
internal ref struct HtmlTokenizer
{
    private static readonly SearchValues<byte> AttributeNameEnds = SearchValues.Create("\t\n\f\r />="u8);
    private static readonly SearchValues<byte> UnquotedEnds = SearchValues.Create("\t\n\f\r >"u8);

    private readonly ReadOnlySpan<byte> _html;
    private int _position;
    private int _nameStart;
    private int _nameEnd;

    /// <summary>The element whose raw text comes next.</summary>
    private HtmlTag _raw;

    private ForeignContent _foreign;

    public HtmlTokenizer(ReadOnlySpan<byte> html) => _html = html;

    public HtmlTokenKind Kind { get; private set; }

    public int Start { get; private set; }

    /// <summary>The offset behind the token's last byte.</summary>
    public readonly int End => _position;

    public readonly ReadOnlySpan<byte> Raw => _html[Start.._position];

    public HtmlTag Tag { get; private set; }

    public readonly ReadOnlySpan<byte> Name => _html[_nameStart.._nameEnd];

    /// <summary>Whether a tag ends in <c>/&gt;</c>.</summary>
    public bool IsSelfClosing { get; private set; }

    /// <summary>Whether text is a CDATA section, with its marks.</summary>
    public bool IsCData { get; private set; }

    /// <summary>The number of SVG and MathML elements, and of HTML inside them, that are open behind the token.</summary>
    public readonly int ForeignDepth => _foreign.Depth;

    /// <summary>Whether the text behind the token is inside SVG or MathML, and not in HTML inside them.</summary>
    public readonly bool IsForeign => _foreign.IsForeign;

    public readonly HtmlAttributes Attributes => new(_html[_nameEnd.._position]);

    /// <summary>Ends SVG, MathML and HTML inside them that were opened deeper than this.</summary>
    public void CloseTo(int foreignDepth) => _foreign.CloseTo(foreignDepth);

    public bool Read()
    {
        if (_position >= _html.Length)
        {
            return false;
        }

        Start = _position;
        IsCData = false;
        if (_raw != HtmlTag.Unknown)
        {
            var end = HtmlRawText.FindEnd(_html, _position, _raw);
            _raw = HtmlTag.Unknown;
            if (end > _position)
            {
                _position = end;
                Kind = HtmlTokenKind.Text;
                return true;
            }
        }

        if (IsMarkup(_position))
        {
            ReadMarkup();
            return true;
        }

        // Text up to the next markup; a '<' that opens none belongs to it.
        var next = _position + 1;
        while (true)
        {
            var mark = _html[next..].IndexOf((byte)'<');
            if (mark < 0)
            {
                next = _html.Length;
                break;
            }

            // Of several the last only can open one.
            next += mark;
            var others = _html[next..].IndexOfAnyExcept((byte)'<');
            next = (others < 0 ? _html.Length : next + others) - 1;
            if (IsMarkup(next))
            {
                break;
            }

            next++;
        }

        _position = next;
        Kind = HtmlTokenKind.Text;
        return true;
    }

    private static bool IsLetter(byte letter) => (uint)((letter | 0x20) - 'a') <= 'z' - 'a';

    private static bool IsSpace(byte letter) => letter is (byte)' ' or (byte)'\n' or (byte)'\t' or (byte)'\r' or (byte)'\f';

    private static bool EndsName(byte letter) => letter is (byte)'>' or (byte)'/' || IsSpace(letter);

    private readonly bool IsMarkup(int at)
    {
        if (_html[at] != '<' || at + 1 >= _html.Length)
        {
            return false;
        }

        var next = _html[at + 1];
        return IsLetter(next) || next is (byte)'!' or (byte)'?' || (next == '/' && at + 2 < _html.Length);
    }

    private void ReadMarkup()
    {
        var next = _html[_position + 1];
        if (IsLetter(next))
        {
            ReadTag(HtmlTokenKind.StartTag, _position + 1);
        }
        else if (next == '/' && IsLetter(_html[_position + 2]))
        {
            ReadTag(HtmlTokenKind.EndTag, _position + 2);
        }
        else if (next == '!')
        {
            ReadDeclaration();
        }
        else
        {
            ReadTo('>');
        }
    }

    private void ReadDeclaration()
    {
        var rest = _html[(_position + 2)..];
        if (rest.StartsWith("--"u8))
        {
            ReadComment();
        }
        else if (IsForeign && rest.StartsWith("[CDATA["u8))
        {
            var end = rest.IndexOf("]]>"u8);
            _position = end < 0 ? _html.Length : _position + 2 + end + 3;
            Kind = HtmlTokenKind.Text;
            IsCData = true;
        }
        else
        {
            var isDoctype = rest.Length >= 7 && Ascii.EqualsIgnoreCase(rest[..7], "doctype"u8);
            ReadTo('>');
            Kind = isDoctype ? HtmlTokenKind.Doctype : HtmlTokenKind.Comment;
        }
    }

    private void ReadTo(char mark)
    {
        var end = _html[_position..].IndexOf((byte)mark);
        _position = end < 0 ? _html.Length : _position + end + 1;
        Kind = HtmlTokenKind.Comment;
    }

    private void ReadComment()
    {
        Kind = HtmlTokenKind.Comment;
        // The two hyphens that open it may be of those that close it: "<!-->" and "<!--->" are whole.
        var at = _position + 4;
        if (_html[at..].StartsWith(">"u8) || _html[at..].StartsWith("->"u8))
        {
            _position = at + (_html[at] == '>' ? 1 : 2);
            return;
        }

        while (true)
        {
            var hyphens = _html[at..].IndexOf("--"u8);
            if (hyphens < 0)
            {
                _position = _html.Length;
                return;
            }

            at += hyphens;
            var others = _html[at..].IndexOfAnyExcept((byte)'-');
            at = others < 0 ? _html.Length : at + others;
            if (_html[at..].StartsWith(">"u8) || _html[at..].StartsWith("!>"u8))
            {
                _position = at + (_html[at] == '>' ? 1 : 2);
                return;
            }
        }
    }

    private void ReadTag(HtmlTokenKind kind, int name)
    {
        _nameStart = name;
        var html = _html;
        var nameEnd = name + 1;
        // Names are short, and most tags have nothing but a name: no search is faster than looking.
        while (nameEnd < html.Length && !EndsName(html[nameEnd]))
        {
            nameEnd++;
        }

        _nameEnd = nameEnd;
        var (end, isSelfClosing) = nameEnd < html.Length && html[nameEnd] == '>' ? (nameEnd + 1, false) : FindTagEnd(nameEnd);
        IsSelfClosing = isSelfClosing;
        if (end < 0)
        {
            // The page ends in the middle of it: nothing comes of it.
            _position = _html.Length;
            Kind = HtmlTokenKind.Comment;
            return;
        }

        _position = end;
        Kind = kind;
        Tag = HtmlTags.Find(_html[_nameStart.._nameEnd]);
        if (kind == HtmlTokenKind.EndTag)
        {
            _foreign.Close(Tag);
        }
        else if (_foreign.Open(Tag, IsSelfClosing, Attributes) && HoldsRawText(Tag))
        {
            _raw = Tag;
        }
    }

    /// <summary>The end of a tag whose attributes begin here; below 0 where the page ends before.</summary>
    private readonly (int End, bool IsSelfClosing) FindTagEnd(int at)
    {
        var html = _html;
        var isSelfClosing = false;
        while (true)
        {
            // Before an attribute's name.
            while (at < html.Length && (IsSpace(html[at]) || html[at] == '/'))
            {
                isSelfClosing = html[at] == '/';
                at++;
            }

            if (at >= html.Length)
            {
                return (-1, false);
            }

            if (html[at] == '>')
            {
                return (at + 1, isSelfClosing);
            }

            // The name; its first letter may be a '='.
            isSelfClosing = false;
            var length = html[(at + 1)..].IndexOfAny(AttributeNameEnds);
            if (length < 0)
            {
                return (-1, false);
            }

            at += 1 + length;
            while (at < html.Length && IsSpace(html[at]))
            {
                at++;
            }

            if (at >= html.Length || html[at] != '=')
            {
                continue;
            }

            at++;
            while (at < html.Length && IsSpace(html[at]))
            {
                at++;
            }

            if (at >= html.Length)
            {
                return (-1, false);
            }

            if (html[at] is (byte)'"' or (byte)'\'')
            {
                length = html[(at + 1)..].IndexOf(html[at]);
                if (length < 0)
                {
                    return (-1, false);
                }

                at += 1 + length + 1;
            }
            else
            {
                length = html[at..].IndexOfAny(UnquotedEnds);
                if (length < 0)
                {
                    return (-1, false);
                }

                at += length;
            }
        }
    }

    /// <summary>Elements that hold text without markup up to their end tag (13.2.6.4).</summary>
    private static bool HoldsRawText(HtmlTag tag) =>
        tag
            is HtmlTag.Script
                or HtmlTag.Style
                or HtmlTag.Title
                or HtmlTag.Textarea
                or HtmlTag.Xmp
                or HtmlTag.Iframe
                or HtmlTag.Noembed
                or HtmlTag.Noframes
                or HtmlTag.Plaintext;
}
