using System.Buffers;

namespace Relay.Infrastructure.Html;

/// <summary>The purpose of a table.</summary>
internal enum TableKind
{
    /// <summary>It arranges things side by side, and is read like any text.</summary>
    Layout,
    Data,

    /// <summary>It numbers the lines of code.</summary>
    Code,
}

/// <summary>The kinds of a page's tables, found in one pass before the page is rendered.</summary>
internal static class TableShapes
{
    private const int LongCell = 2000;
    private static readonly SearchValues<byte> Numbering = SearchValues.Create("0123456789 \t\r\n\f+-"u8);

    private sealed class Shape(int start)
    {
        public int Start { get; } = start;

        public int Cells { get; set; }

        public int WidestRow { get; set; }

        public int CellText { get; set; }

        public bool IsLayout { get; set; }

        /// <summary>Whether it would hold data if it had no code.</summary>
        public bool HasPreformatted { get; set; }

        public int CodeCells { get; set; }

        public bool IsCodeCell { get; set; }

        public bool IsInPreformatted { get; set; }

        /// <summary>Whether a cell holds words that are neither code nor numbers of lines, or a row holds two pieces of code.</summary>
        public bool HasWords { get; set; }

        public int RowCodeCells { get; set; }
    }

    /// <summary>The kind of each table that does more than arrange things, by the offset of its start tag.</summary>
    public static IReadOnlyDictionary<int, TableKind> Find(ReadOnlySpan<byte> html, CancellationToken cancellationToken)
    {
        var found = new Dictionary<int, TableKind>();
        var open = new Stack<Shape>();
        var tokens = new HtmlTokenizer(html);
        for (var count = 1; tokens.Read(); count++)
        {
            if (count % 1024 == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            if (tokens.Kind == HtmlTokenKind.StartTag && tokens.Tag == HtmlTag.Table)
            {
                if (open.TryPeek(out var around))
                {
                    around.IsLayout = true;
                }

                open.Push(
                    new Shape(tokens.Start) { IsLayout = HtmlAttributes.Find(tokens.Attributes, "role"u8) is "presentation" or "none" }
                );
            }
            else if (open.TryPeek(out var table))
            {
                Read(tokens, table);
                if (tokens.Kind == HtmlTokenKind.EndTag && tokens.Tag == HtmlTag.Table)
                {
                    End(open.Pop(), found);
                }
            }
        }

        while (open.TryPop(out var left))
        {
            End(left, found);
        }

        return found;
    }

    private static void End(Shape table, Dictionary<int, TableKind> found)
    {
        if (table is { CodeCells: > 0, HasWords: false, IsLayout: false })
        {
            found[table.Start] = TableKind.Code;
        }
        else if (table is { IsLayout: false, HasPreformatted: false } && Math.Max(table.WidestRow, table.Cells) > 1)
        {
            found[table.Start] = TableKind.Data;
        }
    }

    private static void Read(in HtmlTokenizer tokens, Shape table)
    {
        switch (tokens.Kind)
        {
            case HtmlTokenKind.Text:
                table.CellText += tokens.Raw.Length;
                if (!table.IsCodeCell && !table.IsInPreformatted)
                {
                    table.IsLayout |= table.CellText > LongCell;
                    table.HasWords |= tokens.Raw.ContainsAnyExcept(Numbering);
                }

                break;
            case HtmlTokenKind.StartTag when tokens.Tag == HtmlTag.Tr:
                table.WidestRow = Math.Max(table.WidestRow, table.Cells);
                (table.Cells, table.RowCodeCells) = (0, 0);
                break;
            case HtmlTokenKind.StartTag when tokens.Tag is HtmlTag.Td or HtmlTag.Th:
                table.Cells++;
                table.CellText = 0;
                table.IsCodeCell = CodeClasses.IsCell(tokens.Attributes);
                table.HasWords |= tokens.Tag == HtmlTag.Th;
                CountCode(table, table.IsCodeCell);
                break;
            case HtmlTokenKind.StartTag when tokens.Tag == HtmlTag.Pre:
                table.HasPreformatted = true;
                table.IsInPreformatted = true;
                CountCode(table, !table.IsCodeCell && !CodeClasses.IsNumbering(tokens.Attributes));
                break;
            case HtmlTokenKind.EndTag when tokens.Tag == HtmlTag.Pre:
                table.IsInPreformatted = false;
                break;
            case HtmlTokenKind.StartTag
                when tokens.Tag
                    is HtmlTag.H1
                        or HtmlTag.H2
                        or HtmlTag.Article
                        or HtmlTag.Section
                        or HtmlTag.Blockquote
                        or HtmlTag.Form
                        or HtmlTag.Hr:
                table.IsLayout = true;
                break;
        }
    }

    private static void CountCode(Shape table, bool isCode)
    {
        if (isCode)
        {
            table.CodeCells++;
            // The numbers of the lines may be preformatted, too.
            table.HasWords |= ++table.RowCodeCells > 2;
        }
    }
}
