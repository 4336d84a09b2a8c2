using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>A page in another form.</summary>
/// <param name="Text">The form.</param>
/// <param name="IsWhole">Whether that is all of the page.</param>
internal sealed record Rendering(string Text, bool IsWhole);

/// <summary>
/// Writes a page as Markdown or as plain text, in one pass and without a tree. The text before a line, and a link's base, can make
/// much of little: a form that outgrows its page many times over is cut.
/// </summary>
internal ref struct PageRenderer
{
    /// <summary>Characters that any page may become.</summary>
    private const int Allowance = 1_000_000;

    /// <summary>Characters that it may become for each of its bytes besides.</summary>
    private const int MaxGrowth = 4;

    /// <summary>Most letters of a page that only asks to wait: "Loading…" and the like.</summary>
    private const int FewLetters = 40;

    private readonly bool _asMarkdown;
    private readonly bool _withNoscript;
    private readonly long _maxLength;
    private readonly IReadOnlyDictionary<int, TableKind> _tables;
    private readonly LinkResolver _links;
    private readonly InlineWriter _inline;
    private readonly BlockWriter _blocks;
    private MarkupWalker _walker;
    private int _cellsLeft = TableBuilder.MaxCells;
    private TableBuilder? _table;
    private Cell? _cell;
    private string _block = string.Empty;
    private bool _isDefinition;
    private bool _isCut;
    private int _navigations;
    private Skipped? _skipped;

    private PageRenderer(ReadOnlySpan<byte> html, Uri baseUrl, bool asMarkdown, bool withNoscript, CancellationToken cancellationToken)
    {
        (_asMarkdown, _withNoscript) = (asMarkdown, withNoscript);
        _maxLength = Allowance + ((long)MaxGrowth * html.Length);
        _tables = TableShapes.Find(html, cancellationToken);
        _links = new LinkResolver(baseUrl, _maxLength);
        _inline = new InlineWriter(asMarkdown, _links);
        _blocks = new BlockWriter(asMarkdown, _maxLength);
        _walker = new MarkupWalker(html, cancellationToken);
    }

    private sealed record Cell(bool IsHead, string? Columns, string? Rows);

    /// <summary>An element that is not read.</summary>
    /// <param name="Tag">The element.</param>
    /// <param name="Depth">The elements that are open in it; in a formatting element those around it.</param>
    /// <param name="IsFormatting">Whether its end tag alone ends it, or the end of the element around.</param>
    private sealed record Skipped(HtmlTag Tag, int Depth, bool IsFormatting)
    {
        /// <summary>Formatting elements of its name in it.</summary>
        public int Nested { get; set; } = 1;
    }

    /// <summary>The page as Markdown.</summary>
    /// <param name="html">The page: valid UTF-8.</param>
    /// <param name="baseUrl">The URL that its links are relative to.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static Rendering ToMarkdown(ReadOnlySpan<byte> html, Uri baseUrl, CancellationToken cancellationToken) => Render(html, baseUrl, asMarkdown: true, cancellationToken);

    /// <summary>The page as plain text: blocks apart by an empty line, cells by tabs.</summary>
    /// <param name="html">The page: valid UTF-8.</param>
    /// <param name="baseUrl">The URL that its links are relative to.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static Rendering ToText(ReadOnlySpan<byte> html, Uri baseUrl, CancellationToken cancellationToken) => Render(html, baseUrl, asMarkdown: false, cancellationToken);

    private readonly bool IsTooLong => _blocks.Length + (long)_inline.Length + (_table?.Length ?? 0) > _maxLength;

    private static Rendering Render(ReadOnlySpan<byte> html, Uri baseUrl, bool asMarkdown, CancellationToken cancellationToken)
    {
        var rendering = new PageRenderer(html, baseUrl, asMarkdown, withNoscript: false, cancellationToken).Run();
        // Without its scripts a page may have nothing else to say.
        var asksToWait = rendering.Text.EndsWith("...", StringComparison.Ordinal) || rendering.Text.EndsWith('\u2026');
        var isEmpty = rendering.Text.Length == 0 || (rendering.Text.Length <= FewLetters && asksToWait);
        return !isEmpty ? rendering : new PageRenderer(html, baseUrl, asMarkdown, withNoscript: true, cancellationToken).Run();
    }

    private Rendering Run()
    {
        while (!IsTooLong && _walker.Read())
        {
            if (_skipped is not null && Skips(_skipped))
            {
                continue;
            }

            switch (_walker.Step)
            {
                case MarkupStep.Text:
                    _inline.Append(_walker.Text);
                    break;
                case MarkupStep.Open when IsUnread() || HiddenElements.Contains(_walker):
                    Skip();
                    break;
                case MarkupStep.Open:
                    Open();
                    break;
                case MarkupStep.Close:
                    Close();
                    break;
            }
        }

        _isCut |= IsTooLong;
        EndCell();
        EndTable();
        EndBlock();
        return new Rendering(_blocks.ToString(), !_isCut && !_blocks.IsCut && !_links.IsCut);
    }

    /// <summary>Whether the step at hand is of an element that is not read.</summary>
    private bool Skips(Skipped skipped)
    {
        if (_walker.Step == MarkupStep.Close && _walker.Depth < skipped.Depth)
        {
            _skipped = null;
            // The end of the element around a formatting element is read.
            return !skipped.IsFormatting;
        }

        if (skipped.IsFormatting && _walker.Tag == skipped.Tag && _walker.Step != MarkupStep.Text)
        {
            skipped.Nested += _walker.Step == MarkupStep.Open ? 1 : -1;
            _skipped = skipped.Nested == 0 ? null : skipped;
        }

        return true;
    }

    private void Skip()
    {
        if (_walker.Tag is HtmlTag.Select or HtmlTag.Textarea or HtmlTag.Button)
        {
            _inline.Append(" ");
        }

        if (!OpenElements.HasNoContent(_walker.Tag) && (_walker.Tag != HtmlTag.Math || _walker.IsFormula))
        {
            if (_walker.IsFormula)
            {
                _walker.ReadMath(new MathWriter());
                return;
            }

            _skipped = new Skipped(_walker.Tag, _walker.Depth, !_walker.IsNested);
        }
    }

    /// <summary>Elements that are not meant to be read, or are there once more elsewhere.</summary>
    private readonly bool IsUnread() => _walker.Tag switch
    {
        HtmlTag.Script or HtmlTag.Style or HtmlTag.Title or HtmlTag.Iframe or HtmlTag.Object or HtmlTag.Canvas or HtmlTag.Audio or HtmlTag.Video or HtmlTag.Select
            or HtmlTag.Datalist or HtmlTag.Textarea or HtmlTag.Rp or HtmlTag.Noembed or HtmlTag.Noframes or HtmlTag.Progress => true,
        HtmlTag.Noscript => !_withNoscript,
        HtmlTag.Template => !HtmlStripper.IsShadowRoot(_walker.Attributes),
        HtmlTag.Button => !IsQuestion(),
        _ => false,
    };

    /// <summary>Whether a button is the heading of what it shows, as in an accordion or of a tab; others do something.</summary>
    private readonly bool IsQuestion()
    {
        if (_block.Length > 0)
        {
            return true;
        }

        if (_navigations > 0)
        {
            return false;
        }

        foreach (var attribute in _walker.Attributes)
        {
            if ((attribute.Is("role"u8) && attribute.Text.Trim().Equals("tab", StringComparison.OrdinalIgnoreCase)) || attribute.Is("aria-expanded"u8) || attribute.Is("data-bs-toggle"u8) || attribute.Is("data-toggle"u8))
            {
                return true;
            }
        }

        return false;
    }

    private void Open()
    {
        var tag = _walker.Tag;
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
                EndBlock();
                _isDefinition = false;
                _blocks.OpenList(tag, HtmlAttributes.Find(_walker.Attributes, "start"u8));
                break;
            case HtmlTag.Li:
                EndBlock();
                _blocks.OpenItem();
                break;
            case HtmlTag.Blockquote:
                EndBlock();
                _isDefinition = false;
                _blocks.OpenQuote();
                break;
            case HtmlTag.Pre or HtmlTag.Listing or HtmlTag.Xmp or HtmlTag.Plaintext:
                EndBlock();
                var language = CodeClasses.LanguageOf(_walker.Attributes);
                var (code, named) = CodeReader.Read(ref _walker);
                WriteCode(code, language ?? named);
                break;
            case HtmlTag.Hr:
                EndBlock();
                _blocks.Write("---");
                break;
            case HtmlTag.Table:
                OpenTable();
                break;
            case HtmlTag.Thead or HtmlTag.Tbody or HtmlTag.Tfoot when _table is not null:
                _table.StartGroup();
                break;
            case HtmlTag.Tr when _table is not null:
                _table.StartRow();
                break;
            case HtmlTag.Td or HtmlTag.Th when _table is not null:
                EndCell();
                _cell = new Cell(tag == HtmlTag.Th, HtmlAttributes.Find(_walker.Attributes, "colspan"u8), HtmlAttributes.Find(_walker.Attributes, "rowspan"u8));
                _inline.IsCell = true;
                break;
            case HtmlTag.Dt or HtmlTag.Summary:
                EndBlock();
                _inline.Open(tag, "**");
                break;
            case HtmlTag.Button when _block.Length == 0:
                EndBlock();
                _inline.Open(tag, "**");
                break;
            case HtmlTag.Dd:
                EndBlock();
                _isDefinition = true;
                break;
            default:
                _navigations += tag == HtmlTag.Nav && _walker.IsNested ? 1 : 0;
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
                _inline.Open(tag, "**");
                break;
            case HtmlTag.I or HtmlTag.Em:
                _inline.Open(tag, "*");
                break;
            case HtmlTag.Del or HtmlTag.S or HtmlTag.Strike:
                _inline.Open(tag, "~~");
                break;
            case HtmlTag.Sup or HtmlTag.Sub:
                _inline.OpenScript(tag);
                break;
            case HtmlTag.Code or HtmlTag.Kbd or HtmlTag.Samp or HtmlTag.Tt:
                _inline.OpenCode();
                break;
            case HtmlTag.A:
                _inline.Close(HtmlTag.A);
                if (HtmlAttributes.Find(_walker.Attributes, "href"u8) is { } link)
                {
                    _inline.OpenLink(link);
                }

                break;
            case HtmlTag.Img:
                WriteImage();
                break;
            case HtmlTag.Input when _inline.IsEmpty && string.Equals(HtmlAttributes.Find(_walker.Attributes, "type"u8), "checkbox", StringComparison.OrdinalIgnoreCase):
                _inline.AppendTask(HtmlAttributes.Find(_walker.Attributes, "checked"u8) is not null);
                break;
            case HtmlTag.Input or HtmlTag.Label:
                _inline.Append(" ");
                break;
            case HtmlTag.Rt:
                _inline.Append("(");
                break;
            case HtmlTag.Q:
                _inline.Append("\u201C");
                break;
            case HtmlTag.Math when _walker.IsFormula:
                WriteFormula();
                break;
        }
    }

    private void Close()
    {
        var tag = _walker.Tag;
        switch (tag)
        {
            case HtmlTag.Td or HtmlTag.Th when _table is not null:
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
            case HtmlTag.Q:
                _inline.Append("\u201D");
                break;
            case HtmlTag.Dt or HtmlTag.Summary or HtmlTag.Button:
                _inline.Close(tag);
                if (_block.Length == 0)
                {
                    CloseBlock();
                }

                break;
            case HtmlTag.A or HtmlTag.B or HtmlTag.Strong or HtmlTag.I or HtmlTag.Em or HtmlTag.Del or HtmlTag.S or HtmlTag.Strike or HtmlTag.Code or HtmlTag.Kbd or HtmlTag.Samp
                or HtmlTag.Tt or HtmlTag.Sup or HtmlTag.Sub:
                _inline.Close(tag);
                break;
            default:
                _navigations -= tag == HtmlTag.Nav ? 1 : 0;
                if (IsBlock(tag))
                {
                    CloseBlock();
                }

                if (_cell is null)
                {
                    // An empty heading or definition is over, too.
                    _block = OpenElements.IsHeading(tag) ? string.Empty : _block;
                    _isDefinition &= tag != HtmlTag.Dd;
                    if (BlockWriter.IsList(tag) || tag is HtmlTag.Li or HtmlTag.Blockquote)
                    {
                        _blocks.Close();
                    }
                }

                break;
        }
    }

    private void CloseBlock()
    {
        if (_cell is not null)
        {
            _inline.Append(" ");
        }
        else
        {
            EndBlock();
        }
    }

    private static bool IsBlock(HtmlTag tag) => OpenElements.IsHeading(tag) || BlockWriter.IsList(tag) || tag is
        HtmlTag.Address or HtmlTag.Article or HtmlTag.Aside or HtmlTag.Blockquote or HtmlTag.Body or HtmlTag.Caption or HtmlTag.Center or HtmlTag.Dd or HtmlTag.Details or HtmlTag.Dialog
        or HtmlTag.Div or HtmlTag.Dl or HtmlTag.Dt or HtmlTag.Fieldset or HtmlTag.Figcaption or HtmlTag.Figure or HtmlTag.Footer or HtmlTag.Form or HtmlTag.Frameset or HtmlTag.Header
        or HtmlTag.Hgroup or HtmlTag.Hr or HtmlTag.Legend or HtmlTag.Li or HtmlTag.Main or HtmlTag.Nav or HtmlTag.Noscript or HtmlTag.Option or HtmlTag.P or HtmlTag.Pre or HtmlTag.Search
        or HtmlTag.Section or HtmlTag.Summary or HtmlTag.Table or HtmlTag.Tbody or HtmlTag.Td or HtmlTag.Tfoot or HtmlTag.Th or HtmlTag.Thead or HtmlTag.Tr;

    private void OpenTable()
    {
        EndBlock();
        switch (_tables.GetValueOrDefault(_walker.TokenStart))
        {
            case TableKind.Data:
                EndCell();
                EndTable();
                _table = new TableBuilder(_cellsLeft);
                break;
            case TableKind.Code:
                ReadCodeTable();
                break;
        }
    }

    /// <summary>Of each row the last cell: the others number its lines.</summary>
    private void ReadCodeTable()
    {
        var depth = _walker.Depth;
        var code = new StringBuilder();
        var (language, line) = (CodeClasses.LanguageOf(_walker.Attributes), (string?)null);
        while (_walker.Read() && _walker.Depth >= depth)
        {
            if (_walker.Step == MarkupStep.Open && _walker.Tag is HtmlTag.Td or HtmlTag.Th && _walker.IsNested)
            {
                (line, var named) = CodeReader.Read(ref _walker);
                language ??= named;
            }
            else if (_walker.Step == MarkupStep.Close && _walker.Tag == HtmlTag.Tr)
            {
                code.Append(line).Append('\n');
                line = null;
            }
        }

        WriteCode(code.Append(line).ToString().Trim('\n').TrimEnd(), language);
    }

    private void EndCell()
    {
        if (_cell is not { } cell)
        {
            return;
        }

        _table?.AddCell(_inline.Take(), cell.IsHead, cell.Columns, cell.Rows);
        _inline.IsCell = false;
        _cell = null;
    }

    private void EndTable()
    {
        if (_table is { } table)
        {
            _table = null;
            _isCut |= table.IsCut;
            _cellsLeft -= table.Cells;
            _blocks.Write(table.Build(_asMarkdown));
        }
    }

    /// <summary>Code as it stands, in a fence that nothing in it closes.</summary>
    private readonly void WriteCode(string code, string? language)
    {
        if (code.Length > 0)
        {
            var fence = new string('`', Math.Max(3, InlineWriter.LongestRun(code) + 1));
            _blocks.Write(_asMarkdown ? $"{fence}{language}\n{code}\n{fence}" : code);
        }
    }

    private readonly void WriteImage()
    {
        // One point large: nothing to see, somebody counts readers.
        var isTracker = HtmlAttributes.Find(_walker.Attributes, "width"u8) is "1" or "0" || HtmlAttributes.Find(_walker.Attributes, "height"u8) is "1" or "0";
        if (!isTracker)
        {
            _inline.AppendImage(HtmlAttributes.Find(_walker.Attributes, "alt"u8) ?? string.Empty, SourceOfImage());
        }
    }

    /// <summary>An image that scripts load when it comes into sight stands in another attribute; a picture in the URL holds its place.</summary>
    private readonly string? SourceOfImage()
    {
        var source = HtmlAttributes.Find(_walker.Attributes, "src"u8);
        return source is not null && !source.AsSpan().Trim().StartsWith("data:", StringComparison.OrdinalIgnoreCase)
            ? source
            : HtmlAttributes.Find(_walker.Attributes, "data-src"u8) ?? HtmlAttributes.Find(_walker.Attributes, "data-original"u8) ?? HtmlAttributes.Find(_walker.Attributes, "data-lazy-src"u8) ?? source;
    }

    private void WriteFormula()
    {
        var text = HtmlAttributes.Find(_walker.Attributes, "alttext"u8);
        var math = new MathWriter();
        _walker.ReadMath(math);
        if ((math.Tex ?? MathWriter.Tidy(text)) is { } tex)
        {
            _inline.AppendFormula(tex);
        }
        else
        {
            _inline.Append(math.Write());
        }
    }

    /// <summary>Whether Markdown would take the end of a heading for its end mark.</summary>
    private static bool EndsInMarks(string text) => text.EndsWith('#') && text.TrimEnd('#') is "" or [.., ' '];

    private void EndBlock()
    {
        if (_inline.IsEmpty)
        {
            // What is open goes on in the next block.
            _inline.Take();
            return;
        }

        var text = _inline.Take();
        if (text.Length == 0)
        {
            return;
        }

        var (block, isDefinition) = (_block, _isDefinition);
        (_block, _isDefinition) = (string.Empty, false);
        if (block.Length > 0)
        {
            // A heading is one line, and marks at its end would be no part of it.
            text = text.ReplaceLineEndings(" ");
            _blocks.Write(!_asMarkdown ? text : block + (EndsInMarks(text) ? $"{text[..^1]}\\#" : text));
        }
        else
        {
            _blocks.Write(isDefinition ? ": " + text : text, isTight: isDefinition);
        }
    }
}
