using System.Globalization;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>A page in another form.</summary>
/// <param name="Text">The form.</param>
/// <param name="IsWhole">Whether that is all of the page.</param>
internal sealed record Rendering(string Text, bool IsWhole);

/// <summary>
/// Writes a page as Markdown or as plain text, from its tokens and without a tree: in one pass, with memory for what is
/// written and for a bounded number of lists and quotes around each other. What stands around a line, and a link's base, can make
/// much of little: a form that outgrows its page many times over is cut.
/// </summary>
internal ref struct PageRenderer
{
    /// <summary>Characters that any page may become.</summary>
    private const int Allowance = 1_000_000;

    /// <summary>Characters that it may become for each of its bytes besides.</summary>
    private const int MaxGrowth = 4;

    /// <summary>Lists and quotes deeper than this are written as if they were on that level.</summary>
    private const int MaxContainers = 40;

    private readonly bool _asMarkdown;
    private readonly long _maxLength;
    private readonly Uri _baseUrl;
    private readonly IReadOnlyList<bool> _dataTables;
    private readonly StringBuilder _output = new();
    private readonly List<Container> _containers = [];
    private readonly InlineWriter _inline;
    private HtmlTokenizer _tokens;
    private int _tables;
    private TableBuilder? _table;
    private Cell? _cell;
    private string _block = string.Empty;
    private bool _isDefinition;
    private bool _isCut;

    private PageRenderer(ReadOnlySpan<byte> html, Uri baseUrl, bool asMarkdown)
    {
        _tokens = new HtmlTokenizer(html);
        _baseUrl = baseUrl;
        _asMarkdown = asMarkdown;
        _maxLength = Allowance + ((long)MaxGrowth * html.Length);
        _dataTables = TableShapes.FindData(html);
        _inline = new InlineWriter(asMarkdown);
    }

    private sealed record Cell(bool IsHead, string? Columns, string? Rows);

    /// <summary>A list, an item of one, or a quote.</summary>
    private sealed class Container(HtmlTag tag)
    {
        public HtmlTag Tag { get; } = tag;

        /// <summary>The next item's number; null for lists without.</summary>
        public int? Number { get; set; }

        /// <summary>An item's bullet or number, until it is written.</summary>
        public string? Marker { get; set; }

        /// <summary>What stands before its further lines.</summary>
        public string Indent { get; set; } = string.Empty;

        /// <summary>Whether a block of it has been written.</summary>
        public bool HasBegun { get; set; }

        /// <summary>Whether its first block stands right below what is before.</summary>
        public bool IsTight { get; set; }
    }

    /// <summary>The page as Markdown.</summary>
    /// <param name="html">The page: valid UTF-8.</param>
    /// <param name="baseUrl">What its links are relative to.</param>
    public static Rendering ToMarkdown(ReadOnlySpan<byte> html, Uri baseUrl) => new PageRenderer(html, baseUrl, asMarkdown: true).Run();

    /// <summary>The page as plain text: blocks apart by an empty line, cells by tabs.</summary>
    /// <param name="html">The page: valid UTF-8.</param>
    /// <param name="baseUrl">What its links are relative to.</param>
    public static Rendering ToText(ReadOnlySpan<byte> html, Uri baseUrl) => new PageRenderer(html, baseUrl, asMarkdown: false).Run();

    private readonly bool IsTooLong => _output.Length + (long)_inline.Length + (_table?.Length ?? 0) > _maxLength;

    private Rendering Run()
    {
        while (!IsTooLong && _tokens.Read())
        {
            switch (_tokens.Kind)
            {
                case HtmlTokenKind.Text:
                    _inline.Append(_tokens.IsCData ? TextOfCData(_tokens.Raw) : CharacterReferences.Decode(_tokens.Raw, inAttribute: false));
                    break;
                case HtmlTokenKind.StartTag when IsUnread(_tokens.Tag):
                    SkipElement();
                    break;
                case HtmlTokenKind.StartTag when IsHidden():
                    SkipElement();
                    break;
                case HtmlTokenKind.StartTag:
                    Open();
                    break;
                case HtmlTokenKind.EndTag:
                    Close();
                    break;
            }
        }

        _isCut |= IsTooLong;
        EndCell();
        EndTable();
        EndBlock();
        return new Rendering(_output.ToString(), !_isCut);
    }

    private static string TextOfCData(ReadOnlySpan<byte> raw) => Encoding.UTF8.GetString(raw["<![CDATA[".Length..(raw.EndsWith("]]>"u8) ? raw.Length - 3 : raw.Length)]);

    /// <summary>What is not meant to be read, or is there once more elsewhere.</summary>
    private static bool IsUnread(HtmlTag tag) => tag is
        HtmlTag.Script or HtmlTag.Style or HtmlTag.Svg or HtmlTag.Template or HtmlTag.Noscript or HtmlTag.Title or HtmlTag.Iframe or HtmlTag.Object or HtmlTag.Canvas or HtmlTag.Audio
        or HtmlTag.Video or HtmlTag.Select or HtmlTag.Datalist or HtmlTag.Textarea or HtmlTag.Button or HtmlTag.Rp or HtmlTag.Noembed or HtmlTag.Noframes or HtmlTag.Progress;

    private readonly bool IsHidden()
    {
        // A whole page that is hidden waits for a script to show it.
        if (_tokens.Tag is HtmlTag.Html or HtmlTag.Body or HtmlTag.Main)
        {
            return false;
        }

        foreach (var attribute in _tokens.Attributes)
        {
            if (attribute.Is("hidden"u8)
                || (attribute.Is("aria-hidden"u8) && attribute.Value.SequenceEqual("true"u8))
                || (attribute.Is("style"u8) && attribute.Text.Replace(" ", string.Empty, StringComparison.Ordinal).Contains("display:none", StringComparison.OrdinalIgnoreCase)))
            {
                return !MarkupShape.HasNoContent(_tokens.Tag);
            }
        }

        return false;
    }

    /// <summary>To the end tag that belongs to the start tag at hand; an element that ends by itself ends with the next tag of a block.</summary>
    private void SkipElement()
    {
        if (_tokens.Tag is HtmlTag.Select or HtmlTag.Textarea or HtmlTag.Button)
        {
            _inline.Append(" ");
        }

        if (_tokens.IsSelfClosing && (_tokens.IsForeign || _tokens.Tag == HtmlTag.Svg))
        {
            return;
        }

        var tag = _tokens.Tag;
        var name = _tokens.Name;
        var open = 1;
        while (open > 0 && _tokens.Read())
        {
            if (_tokens.Kind is HtmlTokenKind.StartTag or HtmlTokenKind.EndTag && _tokens.Tag == tag && (tag != HtmlTag.Unknown || Ascii.EqualsIgnoreCase(_tokens.Name, name)))
            {
                open += _tokens.Kind == HtmlTokenKind.EndTag ? -1 : tag is HtmlTag.P or HtmlTag.Li or HtmlTag.Td or HtmlTag.Th or HtmlTag.Tr or HtmlTag.Dt or HtmlTag.Dd ? 0 : 1;
            }
        }
    }

    private void Open()
    {
        var tag = _tokens.Tag;
        if (_cell is not null && tag is not (HtmlTag.Td or HtmlTag.Th or HtmlTag.Tr or HtmlTag.Table))
        {
            OpenInCell(tag);
            return;
        }

        switch (tag)
        {
            case HtmlTag.H1 or HtmlTag.H2 or HtmlTag.H3 or HtmlTag.H4 or HtmlTag.H5 or HtmlTag.H6:
                EndBlock();
                _block = new string('#', tag - HtmlTag.H1 + 1) + " ";
                break;
            case HtmlTag.Ul or HtmlTag.Menu or HtmlTag.Dir or HtmlTag.Ol:
                OpenList(tag);
                break;
            case HtmlTag.Li:
                OpenItem();
                break;
            case HtmlTag.Blockquote:
                EndBlock();
                Push(new Container(tag) { Indent = _asMarkdown ? "> " : "  " });
                break;
            case HtmlTag.Pre or HtmlTag.Listing or HtmlTag.Xmp or HtmlTag.Plaintext:
                EndBlock();
                ReadCode(tag);
                break;
            case HtmlTag.Hr:
                EndBlock();
                Write("---");
                break;
            case HtmlTag.Table:
                OpenTable();
                break;
            case HtmlTag.Tr when _table is not null:
                EndCell();
                _table.EndRow();
                _table.StartRow();
                break;
            case HtmlTag.Td or HtmlTag.Th when _table is not null:
                EndCell();
                _cell = new Cell(tag == HtmlTag.Th, HtmlAttributes.Find(_tokens.Attributes, "colspan"u8), HtmlAttributes.Find(_tokens.Attributes, "rowspan"u8));
                _inline.IsCell = true;
                break;
            case HtmlTag.Dt:
                EndBlock();
                _inline.Open(HtmlTag.Dt, "**", "**");
                break;
            case HtmlTag.Dd:
                _inline.Close(HtmlTag.Dt);
                EndBlock();
                _isDefinition = true;
                break;
            case HtmlTag.Summary:
                EndBlock();
                _inline.Open(tag, "**", "**");
                break;
            default:
                if (IsBlock(tag))
                {
                    EndBlock();
                }
                else
                {
                    OpenInline(tag);
                }

                break;
        }
    }

    /// <summary>A cell is one line: what would be a block there is a word's distance.</summary>
    private void OpenInCell(HtmlTag tag)
    {
        if (tag is HtmlTag.Br or HtmlTag.Li || IsBlock(tag))
        {
            _inline.Append(" ");
        }
        else
        {
            OpenInline(tag);
        }
    }

    private void OpenInline(HtmlTag tag)
    {
        switch (tag)
        {
            case HtmlTag.Br:
                _inline.Break();
                break;
            case HtmlTag.B or HtmlTag.Strong:
                _inline.Open(tag, "**", "**");
                break;
            case HtmlTag.I or HtmlTag.Em:
                _inline.Open(tag, "*", "*");
                break;
            case HtmlTag.Del or HtmlTag.S or HtmlTag.Strike:
                _inline.Open(tag, "~~", "~~");
                break;
            case HtmlTag.Code or HtmlTag.Kbd or HtmlTag.Samp or HtmlTag.Tt:
                _inline.OpenCode();
                break;
            case HtmlTag.A:
                _inline.Close(HtmlTag.A);
                if (_asMarkdown && LinkOf("href"u8) is { } link)
                {
                    _inline.Open(tag, "[", $"]({link})");
                }

                break;
            case HtmlTag.Img:
                WriteImage();
                break;
            case HtmlTag.Input when _inline.IsEmpty && string.Equals(HtmlAttributes.Find(_tokens.Attributes, "type"u8), "checkbox", StringComparison.OrdinalIgnoreCase):
                _inline.AppendMarkdown(HtmlAttributes.Find(_tokens.Attributes, "checked"u8) is null ? "[ ]" : "[x]");
                _inline.Append(" ");
                break;
            case HtmlTag.Input or HtmlTag.Label:
                _inline.Append(" ");
                break;
            case HtmlTag.Rt:
                _inline.Append("(");
                break;
            case HtmlTag.Unknown when Ascii.EqualsIgnoreCase(_tokens.Name, "annotation"u8):
                SkipElement();
                break;
        }
    }

    private void Close()
    {
        var tag = _tokens.Tag;
        switch (tag)
        {
            case HtmlTag.Td or HtmlTag.Th:
                EndCell();
                break;
            case HtmlTag.Tr when _table is not null:
                EndCell();
                _table.EndRow();
                break;
            case HtmlTag.Table:
                EndCell();
                EndTable();
                EndBlock();
                break;
            case HtmlTag.Rt:
                _inline.Append(")");
                break;
            case HtmlTag.Dt or HtmlTag.Summary:
                _inline.Close(tag);
                EndBlock();
                break;
            case HtmlTag.A or HtmlTag.B or HtmlTag.Strong or HtmlTag.I or HtmlTag.Em or HtmlTag.Del or HtmlTag.S or HtmlTag.Strike or HtmlTag.Code or HtmlTag.Kbd or HtmlTag.Samp or HtmlTag.Tt:
                _inline.Close(tag);
                break;
            default:
                if (IsBlock(tag) || tag is HtmlTag.Ul or HtmlTag.Ol or HtmlTag.Li or HtmlTag.Blockquote or HtmlTag.Menu or HtmlTag.Dir)
                {
                    if (_cell is not null)
                    {
                        _inline.Append(" ");
                        break;
                    }

                    EndBlock();
                    Pop(tag);
                }

                break;
        }
    }

    private static bool IsBlock(HtmlTag tag) => tag is
        HtmlTag.Address or HtmlTag.Article or HtmlTag.Aside or HtmlTag.Body or HtmlTag.Caption or HtmlTag.Center or HtmlTag.Dd or HtmlTag.Details or HtmlTag.Dialog or HtmlTag.Div or HtmlTag.Dl
        or HtmlTag.Dt or HtmlTag.Fieldset or HtmlTag.Figcaption or HtmlTag.Figure or HtmlTag.Footer or HtmlTag.Form or HtmlTag.Frameset or HtmlTag.H1 or HtmlTag.H2 or HtmlTag.H3 or HtmlTag.H4
        or HtmlTag.H5 or HtmlTag.H6 or HtmlTag.Header or HtmlTag.Hgroup or HtmlTag.Hr or HtmlTag.Legend or HtmlTag.Main or HtmlTag.Nav or HtmlTag.Ol or HtmlTag.Option or HtmlTag.P or HtmlTag.Pre
        or HtmlTag.Search or HtmlTag.Section or HtmlTag.Summary or HtmlTag.Table or HtmlTag.Tbody or HtmlTag.Td or HtmlTag.Tfoot or HtmlTag.Th or HtmlTag.Thead or HtmlTag.Tr or HtmlTag.Ul;

    private void OpenList(HtmlTag tag)
    {
        EndBlock();
        var start = tag != HtmlTag.Ol ? (int?)null
            : int.TryParse(HtmlAttributes.Find(_tokens.Attributes, "start"u8), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 1;
        Push(new Container(tag) { Number = start });
    }

    private void OpenItem()
    {
        EndBlock();
        // The item before, where nobody ended it.
        if (_containers.Count > 0 && _containers[^1].Tag == HtmlTag.Li)
        {
            _containers.RemoveAt(_containers.Count - 1);
        }

        var list = _containers.Count > 0 ? _containers[^1] : null;
        var marker = list?.Number is { } number ? string.Create(CultureInfo.InvariantCulture, $"{number}. ") : "- ";
        var isFirst = list is not { IsTight: true };
        if (list is not null)
        {
            list.Number++;
            list.IsTight = true;
        }

        var isNested = _containers.Count > 1 && _containers[^2].Tag == HtmlTag.Li;
        Push(new Container(HtmlTag.Li) { Marker = marker, Indent = new string(' ', marker.Length), IsTight = !isFirst || isNested });
    }

    private void OpenTable()
    {
        EndBlock();
        var isData = _tables < _dataTables.Count && _dataTables[_tables];
        _tables++;
        if (isData)
        {
            EndCell();
            EndTable();
            _table = new TableBuilder();
        }
    }

    private void EndCell()
    {
        if (_cell is not { } cell)
        {
            return;
        }

        _inline.IsCell = false;
        _table?.AddCell(_inline.Take(), cell.IsHead, cell.Columns, cell.Rows);
        _cell = null;
    }

    private void EndTable()
    {
        if (_table is { } table)
        {
            _table = null;
            _isCut |= table.IsCut;
            Write(table.Build(_asMarkdown));
        }
    }

    /// <summary>Code as it stands, in a fence that nothing in it closes.</summary>
    private void ReadCode(HtmlTag tag)
    {
        var language = LanguageOf(_tokens.Attributes);
        var text = new StringBuilder();
        while (_tokens.Read() && !(_tokens.Kind == HtmlTokenKind.EndTag && _tokens.Tag == tag))
        {
            if (_tokens.Kind == HtmlTokenKind.Text)
            {
                text.Append(CharacterReferences.Decode(_tokens.Raw, inAttribute: false));
            }
            else if (_tokens.Kind == HtmlTokenKind.StartTag && _tokens.Tag == HtmlTag.Br)
            {
                text.Append('\n');
            }
            else if (_tokens.Kind == HtmlTokenKind.StartTag && _tokens.Tag == HtmlTag.Code)
            {
                language ??= LanguageOf(_tokens.Attributes);
            }
        }

        var code = text.Replace("\r\n", "\n").ToString().Trim('\n').TrimEnd();
        if (code.Length == 0)
        {
            return;
        }

        var fence = new string('`', Math.Max(3, InlineWriter.LongestRun(code) + 1));
        Write(_asMarkdown ? $"{fence}{language}\n{code}\n{fence}" : code);
    }

    private static string? LanguageOf(HtmlAttributes attributes)
    {
        string[] prefixes = ["language-", "lang-", "highlight-source-", "brush:"];
        foreach (var name in (HtmlAttributes.Find(attributes, "class"u8) ?? string.Empty).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (Array.Find(prefixes, prefix => name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length) is { } known)
            {
                return new string([.. name[known.Length..].Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '+' or '#' or '_')]);
            }
        }

        return null;
    }

    private void WriteImage()
    {
        var alt = HtmlAttributes.Find(_tokens.Attributes, "alt"u8)?.ReplaceLineEndings(" ").Trim() ?? string.Empty;
        // One point large: nothing to see, somebody counts readers.
        var isTracker = HtmlAttributes.Find(_tokens.Attributes, "width"u8) is "1" or "0" || HtmlAttributes.Find(_tokens.Attributes, "height"u8) is "1" or "0";
        if (isTracker)
        {
            return;
        }

        if (!_asMarkdown || LinkOf("src"u8) is not { } source)
        {
            if (_asMarkdown)
            {
                _inline.Append(alt);
            }

            return;
        }

        _inline.AppendMarkdown($"![{alt.Replace("[", "\\[", StringComparison.Ordinal).Replace("]", "\\]", StringComparison.Ordinal)}]({source})");
    }

    /// <summary>An absolute URL as Markdown can hold it.</summary>
    private readonly string? LinkOf(ReadOnlySpan<byte> attribute)
    {
        var text = HtmlAttributes.Find(_tokens.Attributes, attribute);
        var link = PageMetadataReader.ToWebUrl(_baseUrl, text)?.AbsoluteUri ?? (text?.StartsWith("mailto:", StringComparison.OrdinalIgnoreCase) == true ? text.Trim() : null);
        return link?.Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal).Replace(" ", "%20", StringComparison.Ordinal).Replace("\n", string.Empty, StringComparison.Ordinal);
    }

    private readonly void Push(Container container)
    {
        if (_containers.Count < MaxContainers)
        {
            _containers.Add(container);
        }
    }

    private readonly void Pop(HtmlTag tag)
    {
        if (tag is not (HtmlTag.Ul or HtmlTag.Ol or HtmlTag.Li or HtmlTag.Blockquote or HtmlTag.Menu or HtmlTag.Dir))
        {
            return;
        }

        var at = _containers.FindLastIndex(container => container.Tag == tag);
        // An item's end is of its own list only.
        if (at >= 0 && (tag != HtmlTag.Li || at == _containers.Count - 1))
        {
            _containers.RemoveRange(at, _containers.Count - at);
        }
    }

    private void EndBlock()
    {
        var text = _inline.Take();
        var (block, isDefinition) = (_block, _isDefinition);
        if (text.Length == 0)
        {
            return;
        }

        (_block, _isDefinition) = (string.Empty, false);
        if (block.Length > 0)
        {
            // A heading is one line.
            text = text.ReplaceLineEndings(" ");
            Write(_asMarkdown ? block + text : text);
        }
        else
        {
            Write(isDefinition ? ": " + text : text, isTight: isDefinition);
        }
    }

    /// <summary>Writes a block, with what its lists and quotes put before its lines.</summary>
    private void Write(string text, bool isTight = false)
    {
        if (text.Length == 0)
        {
            return;
        }

        var (first, further, between) = (new StringBuilder(), new StringBuilder(), new StringBuilder());
        foreach (var container in _containers)
        {
            isTight |= container.Marker is not null && container.IsTight;
            first.Append(container.Marker ?? container.Indent);
            further.Append(container.Indent);
            between.Append(container.HasBegun ? container.Indent : string.Empty);
            (container.Marker, container.HasBegun) = (null, true);
        }

        if (_output.Length > 0)
        {
            _output.Append('\n');
            if (!isTight)
            {
                _output.Append(between.ToString().TrimEnd()).Append('\n');
            }
        }

        var prefix = first;
        foreach (var line in text.Split('\n'))
        {
            if (_output.Length > _maxLength)
            {
                _isCut = true;
                return;
            }

            if (prefix == further)
            {
                _output.Append('\n');
            }

            _output.Append(line.Length == 0 ? prefix.ToString().TrimEnd() : prefix.ToString()).Append(line);
            prefix = further;
        }
    }
}
