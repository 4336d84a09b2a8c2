namespace Relay.Infrastructure.Html;

/// <summary>
/// Which of a page's tables hold data, in the order of their start tags; the others only place things beside each other,
/// and are read like any text. Found in one pass before the page is rendered.
/// </summary>
internal static class TableShapes
{
    private const int LongCell = 2000;

    /// <summary>A table as it is read.</summary>
    private sealed class Shape(int number)
    {
        public int Number { get; } = number;

        public int Cells { get; set; }

        public int WidestRow { get; set; }

        public int CellText { get; set; }

        public bool IsLayout { get; set; }
    }

    /// <summary>Reads the page.</summary>
    public static IReadOnlyList<bool> FindData(ReadOnlySpan<byte> html)
    {
        var found = new List<bool>();
        var open = new Stack<Shape>();
        var tokens = new HtmlTokenizer(html);
        while (tokens.Read())
        {
            if (tokens.Kind == HtmlTokenKind.StartTag && tokens.Tag == HtmlTag.Table)
            {
                if (open.TryPeek(out var around))
                {
                    around.IsLayout = true;
                }

                open.Push(new Shape(found.Count) { IsLayout = HtmlAttributes.Find(tokens.Attributes, "role"u8) is "presentation" or "none" });
                found.Add(false);
            }
            else if (open.TryPeek(out var table))
            {
                Read(tokens, table);
                if (tokens.Kind == HtmlTokenKind.EndTag && tokens.Tag == HtmlTag.Table)
                {
                    open.Pop();
                    found[table.Number] = !table.IsLayout && Math.Max(table.WidestRow, table.Cells) > 1;
                }
            }
        }

        return found;
    }

    private static void Read(in HtmlTokenizer tokens, Shape table)
    {
        switch (tokens.Kind)
        {
            case HtmlTokenKind.Text:
                table.CellText += tokens.Raw.Length;
                table.IsLayout |= table.CellText > LongCell;
                break;
            case HtmlTokenKind.StartTag when tokens.Tag == HtmlTag.Tr:
                table.WidestRow = Math.Max(table.WidestRow, table.Cells);
                table.Cells = 0;
                break;
            case HtmlTokenKind.StartTag when tokens.Tag is HtmlTag.Td or HtmlTag.Th:
                table.Cells++;
                table.CellText = 0;
                break;
            case HtmlTokenKind.StartTag when tokens.Tag is HtmlTag.H1 or HtmlTag.H2 or HtmlTag.Article or HtmlTag.Section or HtmlTag.Pre or HtmlTag.Blockquote or HtmlTag.Form or HtmlTag.Hr:
                table.IsLayout = true;
                break;
        }
    }
}
