using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>Reads code unchanged. An element that is a block begins a line, as it does in a browser.</summary>
internal struct CodeReader
{
    private readonly StringBuilder _text = new();
    private bool _isLineDue;

    public CodeReader() { }

    /// <summary>The language that an element inside names.</summary>
    public string? Language { get; private set; }

    /// <summary>Reads to the end of the element that has begun.</summary>
    public static (string Code, string? Language) Read(ref MarkupWalker walker)
    {
        var reader = new CodeReader();
        var depth = walker.Depth;
        int? skipped = null;
        while (walker.Read() && walker.Depth >= depth)
        {
            if (skipped is { } at)
            {
                skipped = walker.Step == MarkupStep.Close && walker.Depth < at ? null : skipped;
            }
            else if (walker.Step == MarkupStep.Open && walker.IsNested && IsNoCode(walker))
            {
                skipped = walker.Depth;
            }
            else
            {
                reader.Take(walker);
            }
        }

        return (reader._text.Replace("\r\n", "\n").Replace('\r', '\n').ToString().Trim('\n').TrimEnd(), reader.Language);
    }

    private static bool IsNoCode(in MarkupWalker walker) =>
        walker.Tag is HtmlTag.Button or HtmlTag.Script or HtmlTag.Style or HtmlTag.Textarea or HtmlTag.Select
        || CodeClasses.IsNumbering(walker.Attributes)
        || HiddenElements.Contains(walker);

    private void Take(in MarkupWalker walker)
    {
        switch (walker.Step)
        {
            case MarkupStep.Text:
                Append(walker.Text);
                break;
            case MarkupStep.Open when walker.Tag == HtmlTag.Br:
                Append("\n");
                break;
            case MarkupStep.Open when walker.Tag == HtmlTag.Code:
                Language ??= CodeClasses.LanguageOf(walker.Attributes);
                break;
            case MarkupStep.Close when walker.Tag is HtmlTag.Li or HtmlTag.Tr:
                // An empty block is a line, too.
                Append(string.Empty);
                _isLineDue = true;
                break;
            case MarkupStep.Open or MarkupStep.Close when IsLine(walker.Tag):
                _isLineDue |= _text.Length > 0 && _text[^1] != '\n';
                break;
        }
    }

    private static bool IsLine(HtmlTag tag) =>
        tag is HtmlTag.Div or HtmlTag.P or HtmlTag.Li or HtmlTag.Tr or HtmlTag.Ol or HtmlTag.Ul or HtmlTag.Table;

    private void Append(string text)
    {
        if (_isLineDue && !text.StartsWith('\n'))
        {
            _text.Append('\n');
        }

        _isLineDue = false;
        _text.Append(text);
    }

    /// <summary>The code of a table with a line in each row. The code is the last cell; the cells before it number the lines.</summary>
    public static (string Code, string? Language) ReadTable(ref MarkupWalker walker)
    {
        var depth = walker.Depth;
        var code = new StringBuilder();
        var (language, line) = (CodeClasses.LanguageOf(walker.Attributes), (string?)null);
        while (walker.Read() && walker.Depth >= depth)
        {
            if (walker.Step == MarkupStep.Open && walker.Tag is HtmlTag.Td or HtmlTag.Th && walker.IsNested)
            {
                (line, var named) = Read(ref walker);
                language ??= named;
            }
            else if (walker.Step == MarkupStep.Close && walker.Tag == HtmlTag.Tr)
            {
                code.Append(line).Append('\n');
                line = null;
            }
        }

        return (code.Append(line).ToString().Trim('\n').TrimEnd(), language);
    }
}
