namespace Relay.Infrastructure.Html;

/// <summary>Collects a table, cell by cell, until it is a block of the page.</summary>
internal sealed class TableWriter(InlineWriter inline, BlockWriter blocks, bool asMarkdown)
{
    private int _cellsLeft = TableBuilder.MaxCells;
    private TableBuilder? _table;
    private Cell? _cell;

    private sealed record Cell(bool IsHead, string? Columns, string? Rows);

    public bool IsOpen => _table is not null;

    /// <summary>Whether a cell is being read: everything in it is one line.</summary>
    public bool IsInCell => _cell is not null;

    public long Length => _table?.Length ?? 0;

    public bool IsCut { get; private set; }

    /// <summary>Begins a table; the one before ends.</summary>
    public void Open()
    {
        End();
        _table = new TableBuilder(_cellsLeft);
    }

    /// <summary>Begins a head, a body or a foot.</summary>
    public void StartGroup() => _table?.StartGroup();

    public void StartRow() => _table?.StartRow();

    public void EndRow()
    {
        EndCell();
        _table?.EndRow();
    }

    public void OpenCell(in MarkupWalker walker)
    {
        EndCell();
        _cell = new Cell(
            walker.Tag == HtmlTag.Th,
            HtmlAttributes.Find(walker.Attributes, "colspan"u8),
            HtmlAttributes.Find(walker.Attributes, "rowspan"u8)
        );
        inline.IsCell = true;
    }

    public void EndCell()
    {
        if (_cell is not { } cell)
        {
            return;
        }

        _table?.AddCell(inline.Take(), cell.IsHead, cell.Columns, cell.Rows);
        inline.IsCell = false;
        _cell = null;
    }

    /// <summary>Ends the table, if there is one, and writes it.</summary>
    public void End()
    {
        EndCell();
        if (_table is { } table)
        {
            _table = null;
            IsCut |= table.IsCut;
            _cellsLeft -= table.Cells;
            blocks.Write(table.Build(asMarkdown));
        }
    }
}
