namespace Relay.Infrastructure.Html;

/// <summary>
/// Writes a page as Markdown or as plain text, in one pass and without a tree. The indents of lines, and the base of links, can make a
/// small page large: a form that is many times larger than its page is cut.
/// </summary>
internal ref struct PageRenderer
{
    /// <summary>The characters that every page may become.</summary>
    private const int Allowance = 1_000_000;

    /// <summary>The further characters that it may become for each of its bytes.</summary>
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
    private readonly TableWriter _table;
    private MarkupWalker _walker;
    private string _block = string.Empty;
    private bool _isDefinition;
    private int _navigations;
    private SkippedElement? _skipped;

    private PageRenderer(ReadOnlySpan<byte> html, Uri baseUrl, bool asMarkdown, bool withNoscript, CancellationToken cancellationToken)
    {
        (_asMarkdown, _withNoscript) = (asMarkdown, withNoscript);
        _maxLength = Allowance + ((long)MaxGrowth * html.Length);
        _tables = TableShapes.Find(html, cancellationToken);
        _links = new LinkResolver(baseUrl, _maxLength);
        _inline = new InlineWriter(asMarkdown, _links);
        _blocks = new BlockWriter(asMarkdown, _maxLength);
        _table = new TableWriter(_inline, _blocks, asMarkdown);
        _walker = new MarkupWalker(html, cancellationToken);
    }

    public static Rendering ToMarkdown(ReadOnlySpan<byte> html, Uri baseUrl, CancellationToken cancellationToken) =>
        Render(html, baseUrl, asMarkdown: true, cancellationToken);

    /// <summary>The page as plain text: blocks apart by an empty line, cells by tabs.</summary>
    public static Rendering ToText(ReadOnlySpan<byte> html, Uri baseUrl, CancellationToken cancellationToken) =>
        Render(html, baseUrl, asMarkdown: false, cancellationToken);

    private readonly bool IsTooLong => _blocks.Length + (long)_inline.Length + _table.Length > _maxLength;

    private static Rendering Render(ReadOnlySpan<byte> html, Uri baseUrl, bool asMarkdown, CancellationToken cancellationToken)
    {
        var rendering = new PageRenderer(html, baseUrl, asMarkdown, withNoscript: false, cancellationToken).Run();
        // Without its scripts a page may have no other text.
        var asksToWait = rendering.Text.EndsWith("...", StringComparison.Ordinal) || rendering.Text.EndsWith('\u2026');
        var isEmpty = rendering.Text.Length == 0 || (rendering.Text.Length <= FewLetters && asksToWait);
        return !isEmpty ? rendering : new PageRenderer(html, baseUrl, asMarkdown, withNoscript: true, cancellationToken).Run();
    }

    private Rendering Run()
    {
        while (!IsTooLong && _walker.Read())
        {
            if (_skipped is { } skipped)
            {
                var isOfIt = skipped.Contains(_walker);
                _skipped = skipped.IsOver ? null : skipped;
                if (isOfIt)
                {
                    continue;
                }
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

        var isCut = IsTooLong;
        _table.End();
        EndBlock();
        return new Rendering(_blocks.ToString(), !isCut && !_table.IsCut && !_blocks.IsCut && !_links.IsCut);
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

            _skipped = new SkippedElement(_walker.Tag, _walker.Depth, isFormatting: !_walker.IsNested);
        }
    }

    private readonly bool IsUnread() =>
        _walker.Tag switch
        {
            HtmlTag.Noscript => !_withNoscript,
            // In a heading a button belongs to the heading's text.
            HtmlTag.Button => _block.Length == 0 && (_navigations > 0 || !ElementKinds.IsQuestion(_walker)),
            _ => ElementKinds.IsUnread(_walker),
        };

    private void Open()
    {
        var tag = _walker.Tag;
        if (_table.IsInCell && tag is not (HtmlTag.Td or HtmlTag.Th or HtmlTag.Tr or HtmlTag.Table))
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
                _blocks.WriteCode(code, language ?? named);
                break;
            case HtmlTag.Hr:
                EndBlock();
                _blocks.Write("---");
                break;
            case HtmlTag.Table:
                OpenTable();
                break;
            case HtmlTag.Thead or HtmlTag.Tbody or HtmlTag.Tfoot when _table.IsOpen:
                _table.StartGroup();
                break;
            case HtmlTag.Tr when _table.IsOpen:
                _table.StartRow();
                break;
            case HtmlTag.Td or HtmlTag.Th when _table.IsOpen:
                _table.OpenCell(_walker);
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
                if (ElementKinds.IsBlock(tag))
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

    /// <summary>Opens an element in a cell, which is one line: a block becomes a space.</summary>
    private void OpenInCell(HtmlTag tag)
    {
        if (tag is HtmlTag.Br or HtmlTag.Li || ElementKinds.IsBlock(tag))
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
                if (!ElementKinds.IsTracker(_walker))
                {
                    _inline.AppendImage(
                        HtmlAttributes.Find(_walker.Attributes, "alt"u8) ?? string.Empty,
                        ElementKinds.SourceOfImage(_walker)
                    );
                }

                break;
            case HtmlTag.Input
                when _inline.IsEmpty
                    && string.Equals(HtmlAttributes.Find(_walker.Attributes, "type"u8), "checkbox", StringComparison.OrdinalIgnoreCase):
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
                MathWriter.Write(ref _walker, _inline);
                break;
        }
    }

    private void Close()
    {
        var tag = _walker.Tag;
        switch (tag)
        {
            case HtmlTag.Td or HtmlTag.Th when _table.IsOpen:
                _table.EndCell();
                break;
            case HtmlTag.Tr when _table.IsOpen:
                _table.EndRow();
                break;
            case HtmlTag.Table:
                _table.End();
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
            case HtmlTag.A
            or HtmlTag.B
            or HtmlTag.Strong
            or HtmlTag.I
            or HtmlTag.Em
            or HtmlTag.Del
            or HtmlTag.S
            or HtmlTag.Strike
            or HtmlTag.Code
            or HtmlTag.Kbd
            or HtmlTag.Samp
            or HtmlTag.Tt
            or HtmlTag.Sup
            or HtmlTag.Sub:
                _inline.Close(tag);
                break;
            default:
                _navigations -= tag == HtmlTag.Nav ? 1 : 0;
                if (ElementKinds.IsBlock(tag))
                {
                    CloseBlock();
                }

                if (!_table.IsInCell)
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
        if (_table.IsInCell)
        {
            _inline.Append(" ");
        }
        else
        {
            EndBlock();
        }
    }

    private void OpenTable()
    {
        EndBlock();
        switch (_tables.GetValueOrDefault(_walker.TokenStart))
        {
            case TableKind.Data:
                _table.Open();
                break;
            case TableKind.Code:
                var (code, language) = CodeReader.ReadTable(ref _walker);
                _blocks.WriteCode(code, language);
                break;
        }
    }

    private void EndBlock()
    {
        if (_inline.IsEmpty)
        {
            // Marks that are open continue in the next block.
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
            // A heading is one line, and marks at its end would not belong to it.
            text = text.ReplaceLineEndings(" ");
            _blocks.Write(!_asMarkdown ? text : block + (LineStarts.EndsInMarks(text) ? $"{text[..^1]}\\#" : text));
        }
        else
        {
            _blocks.Write(isDefinition ? ": " + text : text, isTight: isDefinition);
        }
    }
}
