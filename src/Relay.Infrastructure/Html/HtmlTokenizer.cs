using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>What a token is.</summary>
internal enum HtmlTokenKind
{
    /// <summary>Text, with its character references as they are written.</summary>
    Text,

    /// <summary>A start tag.</summary>
    StartTag,

    /// <summary>An end tag.</summary>
    EndTag,

    /// <summary>
    /// A comment, and whatever else a browser makes nothing of: bogus comments, and a tag that the end of the page cuts off.
    /// </summary>
    Comment,

    /// <summary>A document type.</summary>
    Doctype,
}

/// <summary>
/// Cuts a page into tokens, by the states of the HTML Standard's tokenizer (WHATWG, 13.2.5, scripting disabled), over UTF-8
/// bytes: one pass, no tree, no allocation, a stack that does not grow. What the standard leaves to its tree builder, which
/// elements hold raw text and where SVG and MathML begin and end, is followed here as far as 32 levels of such content in
/// each other; deeper ones are read as if they were on that level.
/// </summary>
internal ref struct HtmlTokenizer
{
    private static readonly SearchValues<byte> NameEnds = SearchValues.Create("\t\n\f\r />"u8);
    private static readonly SearchValues<byte> AttributeNameEnds = SearchValues.Create("\t\n\f\r />="u8);
    private static readonly SearchValues<byte> UnquotedEnds = SearchValues.Create("\t\n\f\r >"u8);
    private static readonly SearchValues<byte> ScriptMarks = SearchValues.Create("<-"u8);

    private readonly ReadOnlySpan<byte> _html;
    private int _position;
    private int _nameStart;
    private int _nameEnd;

    /// <summary>The element whose raw text comes next.</summary>
    private HtmlTag _raw;

    private Content _content;
    private int _depth;

    /// <summary>Begins at the beginning.</summary>
    /// <param name="html">The page: valid UTF-8.</param>
    public HtmlTokenizer(ReadOnlySpan<byte> html) => _html = html;

    /// <summary>What the token is.</summary>
    public HtmlTokenKind Kind { get; private set; }

    /// <summary>Where the token begins, in bytes.</summary>
    public int Start { get; private set; }

    /// <summary>Where the token ends, in bytes.</summary>
    public readonly int End => _position;

    /// <summary>The token as it is written.</summary>
    public readonly ReadOnlySpan<byte> Raw => _html[Start.._position];

    /// <summary>The element of a tag.</summary>
    public HtmlTag Tag { get; private set; }

    /// <summary>A tag's name, as it is written.</summary>
    public readonly ReadOnlySpan<byte> Name => _html[_nameStart.._nameEnd];

    /// <summary>Whether a tag ends in <c>/&gt;</c>.</summary>
    public bool IsSelfClosing { get; private set; }

    /// <summary>Whether text is a CDATA section, with its marks.</summary>
    public bool IsCData { get; private set; }

    /// <summary>How many SVG and MathML elements, and HTML inside them, are open around what follows the token.</summary>
    public readonly int ForeignDepth => _depth;

    /// <summary>Whether what follows the token is inside SVG or MathML, and not in HTML inside them.</summary>
    public readonly bool IsForeign => _depth > 0 && PlaceAt(_depth) is not (Place.HtmlInSvg or Place.HtmlInMath);

    /// <summary>A tag's attributes.</summary>
    public readonly HtmlAttributes Attributes => new(_html[_nameEnd.._position]);

    /// <summary>Ends SVG, MathML and HTML inside them that were opened deeper than this.</summary>
    public void CloseTo(int foreignDepth) => _depth = Math.Min(_depth, foreignDepth);

    /// <summary>Goes to the next token; false at the end.</summary>
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
            var end = FindRawEnd(_raw);
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
        if (kind == HtmlTokenKind.StartTag)
        {
            Open();
        }
        else if (_depth > 0)
        {
            Close();
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

    private void Open()
    {
        if (IsForeign)
        {
            OpenInForeign();
            return;
        }

        switch (Tag)
        {
            case HtmlTag.Script
            or HtmlTag.Style
            or HtmlTag.Title
            or HtmlTag.Textarea
            or HtmlTag.Xmp
            or HtmlTag.Iframe
            or HtmlTag.Noembed
            or HtmlTag.Noframes
            or HtmlTag.Plaintext:
                _raw = Tag;
                break;
            case HtmlTag.Svg when !IsSelfClosing:
                Push(Place.Svg);
                break;
            case HtmlTag.Math when !IsSelfClosing:
                Push(Place.Math);
                break;
        }
    }

    private void OpenInForeign()
    {
        var place = PlaceAt(_depth);
        if (BreaksOut(Tag) || (Tag == HtmlTag.Font && HasFontAttribute()))
        {
            // Not allowed inside: a browser leaves for the HTML around, and so does an SVG that somebody forgot to close.
            while (IsForeign)
            {
                _depth--;
            }

            Open();
            return;
        }

        if (IsSelfClosing)
        {
            return;
        }

        // Whatever it is called, an element is of the language around it.
        var isSvg = place is Place.Svg or Place.MathInSvg;
        if (Tag == HtmlTag.Svg)
        {
            Push(isSvg ? Place.Svg : Place.SvgInMath);
        }
        else if (Tag == HtmlTag.Math)
        {
            Push(isSvg ? Place.MathInSvg : Place.Math);
        }
        else if (isSvg && Tag is HtmlTag.ForeignObject or HtmlTag.Desc or HtmlTag.Title)
        {
            Push(Place.HtmlInSvg);
        }
        else if (!isSvg && Tag is HtmlTag.Mi or HtmlTag.Mo or HtmlTag.Mn or HtmlTag.Ms or HtmlTag.Mtext or HtmlTag.AnnotationXml)
        {
            Push(Place.HtmlInMath);
        }
    }

    private void Close()
    {
        if (IsForeign && EndsHtml(Tag))
        {
            // Of an element around, as a rule: it ends what was left open in it.
            while (IsForeign)
            {
                _depth--;
            }

            return;
        }

        var place = PlaceAt(_depth);
        var closes = place switch
        {
            Place.HtmlInSvg => Tag is HtmlTag.ForeignObject or HtmlTag.Desc or HtmlTag.Title,
            Place.HtmlInMath => Tag
                is HtmlTag.Mi
                    or HtmlTag.Mo
                    or HtmlTag.Mn
                    or HtmlTag.Ms
                    or HtmlTag.Mtext
                    or HtmlTag.AnnotationXml
                    or HtmlTag.Math,
            _ => false,
        };
        if (closes)
        {
            _depth--;
        }

        // An end of the whole formula, or drawing, ends what is open in it.
        if (IsForeign && (!closes || (place == Place.HtmlInMath && Tag == HtmlTag.Math)) && Tag is HtmlTag.Svg or HtmlTag.Math)
        {
            CloseForeign();
        }
    }

    /// <summary>Ends the innermost SVG or MathML of the tag's name, and what is open in it; nothing when HTML lies between.</summary>
    private void CloseForeign()
    {
        // All that is deeper than is followed is read as if it were on the deepest level, so that one look is enough.
        for (
            var depth = _depth;
            depth > 0 && PlaceAt(depth) is var place and not (Place.HtmlInSvg or Place.HtmlInMath);
            depth = Math.Min(depth, Content.Length) - 1
        )
        {
            if (Tag == (place is Place.Svg or Place.SvgInMath ? HtmlTag.Svg : HtmlTag.Math))
            {
                _depth = depth - 1;
                return;
            }
        }
    }

    private readonly Place PlaceAt(int depth) => _content[Math.Min(depth, Content.Length) - 1];

    private void Push(Place place)
    {
        if (_depth < Content.Length)
        {
            _content[_depth] = place;
        }

        _depth++;
    }

    /// <summary>The start tags that end SVG and MathML (13.2.6.5).</summary>
    private static bool BreaksOut(HtmlTag tag) =>
        tag
            is HtmlTag.B
                or HtmlTag.Big
                or HtmlTag.Blockquote
                or HtmlTag.Body
                or HtmlTag.Br
                or HtmlTag.Center
                or HtmlTag.Code
                or HtmlTag.Dd
                or HtmlTag.Div
                or HtmlTag.Dl
                or HtmlTag.Dt
                or HtmlTag.Em
                or HtmlTag.Embed
                or HtmlTag.H1
                or HtmlTag.H2
                or HtmlTag.H3
                or HtmlTag.H4
                or HtmlTag.H5
                or HtmlTag.H6
                or HtmlTag.Head
                or HtmlTag.Hr
                or HtmlTag.I
                or HtmlTag.Img
                or HtmlTag.Li
                or HtmlTag.Listing
                or HtmlTag.Menu
                or HtmlTag.Meta
                or HtmlTag.Nobr
                or HtmlTag.Ol
                or HtmlTag.P
                or HtmlTag.Pre
                or HtmlTag.Ruby
                or HtmlTag.S
                or HtmlTag.Small
                or HtmlTag.Span
                or HtmlTag.Strong
                or HtmlTag.Strike
                or HtmlTag.Sub
                or HtmlTag.Sup
                or HtmlTag.Table
                or HtmlTag.Tt
                or HtmlTag.U
                or HtmlTag.Ul
                or HtmlTag.Var;

    /// <summary>End tags that no SVG or MathML has.</summary>
    private static bool EndsHtml(HtmlTag tag) =>
        BreaksOut(tag)
        || tag
            is HtmlTag.Article
                or HtmlTag.Aside
                or HtmlTag.Button
                or HtmlTag.Figure
                or HtmlTag.Footer
                or HtmlTag.Form
                or HtmlTag.Header
                or HtmlTag.Html
                or HtmlTag.Main
                or HtmlTag.Nav
                or HtmlTag.Section
                or HtmlTag.Td
                or HtmlTag.Th
                or HtmlTag.Tr;

    private readonly bool HasFontAttribute()
    {
        foreach (var attribute in Attributes)
        {
            if (attribute.Is("color"u8) || attribute.Is("face"u8) || attribute.Is("size"u8))
            {
                return true;
            }
        }

        return false;
    }

    private readonly int FindRawEnd(HtmlTag element) =>
        element switch
        {
            HtmlTag.Plaintext => _html.Length,
            HtmlTag.Script => FindScriptEnd(),
            _ => FindEndTag(_position, element),
        };

    /// <summary>The next end tag of an element; the page's end where there is none.</summary>
    private readonly int FindEndTag(int from, HtmlTag element)
    {
        while (true)
        {
            var at = _html[from..].IndexOf("</"u8);
            if (at < 0)
            {
                return _html.Length;
            }

            from += at;
            if (IsTagOf(element, from + 2))
            {
                return from;
            }

            from += 2;
        }
    }

    private readonly bool IsTagOf(HtmlTag element, int name)
    {
        var length = _html[name..Math.Min(_html.Length, name + 16)].IndexOfAny(NameEnds);
        return length > 0 && HtmlTags.Find(_html.Slice(name, length)) == element;
    }

    /// <summary>Scripts may hold what looks like their end, inside of what looks like a comment (13.2.5.15 to 13.2.5.31).</summary>
    private readonly int FindScriptEnd()
    {
        var at = _position;
        bool isEscaped = false,
            isDoubleEscaped = false;
        while (true)
        {
            var mark = isEscaped ? _html[at..].IndexOfAny(ScriptMarks) : _html[at..].IndexOf((byte)'<');
            if (mark < 0)
            {
                return _html.Length;
            }

            at += mark;
            var rest = _html[at..];
            if (rest[0] == '-')
            {
                var hyphens = rest.IndexOfAnyExcept((byte)'-') is var others and >= 0 ? others : rest.Length;
                at += hyphens;
                if (hyphens >= 2 && at < _html.Length && _html[at] == '>')
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
            else if (rest.StartsWith("</"u8) && IsTagOf(HtmlTag.Script, at + 2))
            {
                if (!isDoubleEscaped)
                {
                    return at;
                }

                isDoubleEscaped = false;
                at += 2;
            }
            else if (isEscaped && !isDoubleEscaped && IsTagOf(HtmlTag.Script, at + 1))
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

    private enum Place : byte
    {
        Svg,
        Math,

        /// <summary>An element of SVG that is called <c>math</c>.</summary>
        MathInSvg,

        /// <summary>An element of MathML that is called <c>svg</c>.</summary>
        SvgInMath,
        HtmlInSvg,
        HtmlInMath,
    }

    [InlineArray(Length)]
    private struct Content
    {
        public const int Length = 32;

        private Place _first;
    }
}

/// <summary>One attribute of a tag.</summary>
/// <param name="name">As it is written.</param>
/// <param name="value">As it is written, without its quotes.</param>
internal readonly ref struct HtmlAttribute(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
{
    /// <summary>As it is written.</summary>
    public ReadOnlySpan<byte> Name { get; } = name;

    /// <summary>As it is written, without its quotes.</summary>
    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>Whether it has a name, in any case.</summary>
    public bool Is(ReadOnlySpan<byte> lowerCaseName) => Ascii.EqualsIgnoreCase(Name, lowerCaseName);

    /// <summary>The value as text.</summary>
    public string Text => CharacterReferences.Decode(Value, inAttribute: true);
}

/// <summary>The attributes of a tag, in the order in which they are written; of two of one name the first counts.</summary>
/// <param name="rest">The tag behind its name, with its end.</param>
internal ref struct HtmlAttributes(ReadOnlySpan<byte> rest)
{
    private static readonly SearchValues<byte> NameEnds = SearchValues.Create("\t\n\f\r />="u8);
    private static readonly SearchValues<byte> UnquotedEnds = SearchValues.Create("\t\n\f\r >"u8);
    private static readonly SearchValues<byte> Between = SearchValues.Create("\t\n\f\r /"u8);
    private static readonly SearchValues<byte> Spaces = SearchValues.Create("\t\n\f\r "u8);

    private ReadOnlySpan<byte> _rest = rest;

    /// <summary>The attribute at hand.</summary>
    public HtmlAttribute Current { get; private set; }

    /// <summary>For <c>foreach</c>.</summary>
    public readonly HtmlAttributes GetEnumerator() => this;

    /// <summary>Goes to the next attribute; false at the end.</summary>
    public bool MoveNext()
    {
        Skip(Between);
        if (_rest.Length == 0 || _rest[0] == '>')
        {
            return false;
        }

        // The first letter may be a '='.
        var length = 1 + _rest[1..].IndexOfAny(NameEnds);
        length = length == 0 ? _rest.Length : length;
        var name = _rest[..length];
        _rest = _rest[length..];
        Skip(Spaces);
        if (_rest.Length == 0 || _rest[0] != '=')
        {
            Current = new HtmlAttribute(name, default);
            return true;
        }

        _rest = _rest[1..];
        Skip(Spaces);
        if (_rest.Length > 0 && _rest[0] is (byte)'"' or (byte)'\'')
        {
            var end = _rest[1..].IndexOf(_rest[0]);
            end = end < 0 ? _rest.Length - 1 : end;
            Current = new HtmlAttribute(name, _rest.Slice(1, end));
            _rest = _rest[Math.Min(_rest.Length, end + 2)..];
        }
        else
        {
            var end = _rest.IndexOfAny(UnquotedEnds);
            end = end < 0 ? _rest.Length : end;
            Current = new HtmlAttribute(name, _rest[..end]);
            _rest = _rest[end..];
        }

        return true;
    }

    /// <summary>The text of an attribute's first occurrence; null where there is none.</summary>
    public static string? Find(HtmlAttributes attributes, ReadOnlySpan<byte> lowerCaseName)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.Is(lowerCaseName))
            {
                return attribute.Text;
            }
        }

        return null;
    }

    private void Skip(SearchValues<byte> letters) => _rest = _rest.IndexOfAnyExcept(letters) is var at and >= 0 ? _rest[at..] : default;
}
