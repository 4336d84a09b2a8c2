using System.Globalization;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>A table of data: rows of cells, spans filled with empty ones.</summary>
internal sealed class TableBuilder(int maxCells)
{
    /// <summary>The most cells of all tables of a page.</summary>
    public const int MaxCells = 200_000;
    private const int MaxSpan = 100;

    private readonly List<List<string>> _rows = [];
    private readonly Dictionary<int, int> _rowsBelow = [];
    private readonly List<(int Column, int Left)> _pending = [];
    private int _cells;
    private bool _hasHead;

    public long Length { get; private set; }

    public int Cells => _cells;

    public bool IsCut => _cells >= maxCells;

    /// <summary>Begins a group of rows. A cell reaches down to the end of its group only.</summary>
    public void StartGroup()
    {
        _rowsBelow.Clear();
        _pending.Clear();
    }

    public void StartRow()
    {
        _rows.Add([]);
        FillFromAbove();
    }

    /// <summary>Adds a cell to the row at hand: text on one line, <c>colspan</c> and <c>rowspan</c>.</summary>
    public void AddCell(string text, bool isHead, string? columns, string? rows)
    {
        if (_rows.Count == 0)
        {
            StartRow();
        }

        var row = _rows[^1];
        Length += text.Length;
        _hasHead |= isHead && _rows.Count == 1;
        // 0 reaches to the end of the group.
        var (width, height) = (Span(columns), rows?.Trim() == "0" ? int.MaxValue : Span(rows));
        for (var column = 0; column < width && _cells < maxCells; column++, _cells++)
        {
            if (height > 1)
            {
                _rowsBelow[row.Count] = height - 1;
            }

            row.Add(column == 0 ? text : string.Empty);
        }

        FillFromAbove();
    }

    /// <summary>The table in GitHub's Markdown, or with tabs between cells; empty when it has no text.</summary>
    public string Build(bool asMarkdown)
    {
        _rows.RemoveAll(row => row.TrueForAll(cell => cell.Length == 0));
        if (_rows.Count == 0)
        {
            return string.Empty;
        }

        var text = new StringBuilder();
        if (!asMarkdown)
        {
            return text.AppendJoin('\n', _rows.Select(row => string.Join('\t', row).TrimEnd('\t'))).ToString();
        }

        var width = _rows.Max(row => row.Count);
        // Short rows are filled up to the widest, unless one wide row would multiply a few cells: Markdown takes short rows, too.
        var filled = (long)width * _rows.Count <= maxCells ? width : 0;
        // A Markdown table needs the line of its head, even an empty one.
        var head = _hasHead ? _rows[0] : [];
        Append(text, head, width);
        text.Append('\n').Append('|').Insert(text.Length, " --- |", width);
        foreach (var row in _hasHead ? _rows.Skip(1) : _rows)
        {
            text.Append('\n');
            Append(text, row, Math.Max(filled, row.Count));
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, List<string> row, int width)
    {
        text.Append('|');
        for (var column = 0; column < width; column++)
        {
            text.Append(' ').Append(column < row.Count ? row[column] : string.Empty).Append(" |");
        }
    }

    private static int Span(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var span) ? Math.Clamp(span, 1, MaxSpan) : 1;

    private void FillFromAbove()
    {
        var row = _rows[^1];
        while (_cells < maxCells && _rowsBelow.Remove(row.Count, out var left) && left > 0)
        {
            if (left > 1)
            {
                // Each row counts once.
                _pending.Add((row.Count, left - 1));
            }

            row.Add(string.Empty);
            _cells++;
        }
    }

    public void EndRow()
    {
        foreach (var (column, left) in _pending)
        {
            _rowsBelow[column] = left;
        }

        _pending.Clear();
    }
}
