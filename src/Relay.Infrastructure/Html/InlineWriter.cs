using System.Text;
using System.Text.RegularExpressions;

namespace Relay.Infrastructure.Html;

/// <summary>
/// One paragraph of text as it is read: white space collapsed as browsers do, and in Markdown with emphasis, code and links.
/// A mark is opened when the first letter comes, and closed before the space that follows, for Markdown knows no other.
/// </summary>
internal sealed partial class InlineWriter(bool asMarkdown)
{
    /// <summary>More marks around each other than these mean nothing to anybody.</summary>
    private const int MaxOpen = 16;

    private readonly StringBuilder _line = new();
    private readonly List<Mark> _open = [];
    private StringBuilder? _code;
    private bool _space;

    private sealed class Mark(HtmlTag tag, string before, string after)
    {
        public HtmlTag Tag { get; } = tag;

        public string Before { get; } = before;

        public string After { get; } = after;

        public bool IsWritten { get; set; }
    }

    /// <summary>Whether there is nothing but space.</summary>
    public bool IsEmpty => _line.Length == 0 && _code is null or { Length: 0 };

    /// <summary>Characters so far.</summary>
    public int Length => _line.Length + (_code?.Length ?? 0);

    /// <summary>Whether a table's cell is being written: everything stays on one line, and a '|' would end it.</summary>
    public bool IsCell { get; set; }

    /// <summary>Adds text as it is meant to be read.</summary>
    public void Append(string text)
    {
        if (_code is not null)
        {
            _code.Append(text);
            return;
        }

        foreach (var letter in text)
        {
            if (letter is ' ' or '\t' or '\n' or '\r' or '\f' or '\u00A0')
            {
                _space = true;
            }
            else if (letter is not ('\u00AD' or '\u200B' or '\uFEFF'))
            {
                Begin();
                AppendLetter(letter);
            }
        }
    }

    /// <summary>A line's end that the page asks for.</summary>
    public void Break()
    {
        if (IsCell || _code is not null || _line.Length == 0)
        {
            _space = true;
            return;
        }

        _space = false;
        // Two spaces at a line's end are Markdown's break.
        _line.Append(asMarkdown ? "  \n" : "\n");
    }

    /// <summary>Opens a mark.</summary>
    /// <param name="tag">The element that closes it.</param>
    /// <param name="before">What stands before its first letter.</param>
    /// <param name="after">What stands behind its last.</param>
    public void Open(HtmlTag tag, string before, string after)
    {
        if (asMarkdown && _code is null && _open.Count < MaxOpen && !_open.Exists(mark => mark.Before == before))
        {
            _open.Add(new Mark(tag, before, after));
        }
    }

    /// <summary>Closes the innermost mark of an element.</summary>
    public void Close(HtmlTag tag)
    {
        if (tag == HtmlTag.Code || tag is HtmlTag.Kbd or HtmlTag.Samp or HtmlTag.Tt)
        {
            CloseCode();
            return;
        }

        var index = _open.FindLastIndex(mark => mark.Tag == tag);
        if (index < 0)
        {
            return;
        }

        // What was opened inside and not closed ends here, too, and goes on behind.
        for (var inner = _open.Count - 1; inner >= index; inner--)
        {
            WriteEnd(_open[inner]);
        }

        _open.RemoveAt(index);
    }

    /// <summary>Begins code, which stands as it is.</summary>
    public void OpenCode()
    {
        if (asMarkdown)
        {
            _code ??= new StringBuilder();
        }
    }

    /// <summary>Adds what is Markdown already; nothing in plain text.</summary>
    public void AppendMarkdown(string text)
    {
        if (asMarkdown && _code is null)
        {
            Begin();
            _line.Append(text);
        }
    }

    /// <summary>The paragraph; the next one begins, with what is still open.</summary>
    public string Take()
    {
        CloseCode();
        for (var inner = _open.Count - 1; inner >= 0; inner--)
        {
            WriteEnd(_open[inner]);
        }

        var text = _line.ToString().TrimEnd();
        _line.Clear();
        _space = false;
        return asMarkdown && !IsCell ? BlockMark().Replace(text, "${number}\\${mark}") : text;
    }

    /// <summary>What at a line's beginning would make it a heading, a list, a quote or a fence.</summary>
    [GeneratedRegex(@"^(?<number>[0-9]{0,9})(?<mark>#{1,6}(?= )|>|[-+](?= )|~~~|---|===|(?<=[0-9])[.)](?= ))", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex BlockMark();

    private void Begin()
    {
        if (_space && _line.Length > 0 && _line[^1] != '\n')
        {
            _line.Append(' ');
        }

        _space = false;
        foreach (var mark in _open)
        {
            if (!mark.IsWritten)
            {
                _line.Append(mark.Before);
                mark.IsWritten = true;
            }
        }
    }

    private void WriteEnd(Mark mark)
    {
        if (mark.IsWritten)
        {
            _line.Append(mark.After);
            mark.IsWritten = false;
        }
    }

    private void CloseCode()
    {
        if (_code is not { } code)
        {
            return;
        }

        _code = null;
        var text = string.Join(' ', code.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (text.Length == 0)
        {
            return;
        }

        Begin();
        var fence = new string('`', LongestRun(text) + 1);
        var pad = text[0] == '`' || text[^1] == '`' ? " " : string.Empty;
        _line.Append(fence).Append(pad).Append(IsCell ? text.Replace("|", "\\|", StringComparison.Ordinal) : text).Append(pad).Append(fence);
    }

    /// <summary>The longest run of backticks.</summary>
    public static int LongestRun(string text)
    {
        var (longest, run) = (0, 0);
        foreach (var letter in text)
        {
            run = letter == '`' ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }

        return longest;
    }

    private void AppendLetter(char letter)
    {
        if (asMarkdown && (letter is '\\' or '`' or '*' or '[' or ']' or '<' || (letter == '|' && IsCell) || (letter == '_' && IsWordEdge())))
        {
            _line.Append('\\');
        }

        _line.Append(letter);
    }

    /// <summary>Inside a word it is a letter like others.</summary>
    private bool IsWordEdge() => _line.Length == 0 || !char.IsLetterOrDigit(_line[^1]);
}
