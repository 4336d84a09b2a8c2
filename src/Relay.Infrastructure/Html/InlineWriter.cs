using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>
/// One paragraph of text as it is read: white space collapsed as browsers do, and in Markdown with emphasis, code and links. A mark is
/// opened at its first letter and closed before the space that follows, because Markdown knows no other way. All text of a page passes
/// <see cref="InlineLine.AppendLetter"/>, so that no text becomes Markdown or HTML.
/// </summary>
internal sealed class InlineWriter(bool asMarkdown, LinkResolver links)
{
    /// <summary>Most marks around each other. Further ones have no visible meaning.</summary>
    private const int MaxOpen = 16;

    private readonly InlineLine _line = new(asMarkdown);
    private readonly List<Mark> _open = [];
    private readonly Stack<Script> _scripts = [];
    private StringBuilder? _code;
    private bool _space;

    /// <summary>The characters before the link that is open; null outside of links.</summary>
    private int? _linkStart;

    private sealed class Mark(HtmlTag tag, string before, string after, string? link)
    {
        public HtmlTag Tag { get; } = tag;

        public string Before { get; set; } = before;

        public string After { get; set; } = after;

        /// <summary>A link's target as it is written, until it is needed.</summary>
        public string? Link { get; set; } = link;

        public bool IsWritten { get; set; }
    }

    private sealed class Script(HtmlTag tag, int start)
    {
        public HtmlTag Tag { get; } = tag;

        public int Start { get; } = start;

        public bool HasLink { get; set; }
    }

    /// <summary>Whether it holds only space.</summary>
    public bool IsEmpty => _line.Count == 0 && _code is null or { Length: 0 };

    public int Length => _line.Count + (_code?.Length ?? 0);

    /// <summary>Whether a table's cell is being written: everything stays on one line, and a '|' would end it.</summary>
    public bool IsCell { get; set; }

    /// <summary>Adds text with its references decoded.</summary>
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
                _line.AppendLetter(letter, IsCell);
            }
        }
    }

    public void AppendFormula(string tex)
    {
        if (!asMarkdown || _code is not null)
        {
            Append(tex);
            return;
        }

        var text = string.Join(' ', tex.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (text.Length == 0)
        {
            return;
        }

        Begin();
        _line.Append("$");
        for (var at = 0; at < text.Length; at++)
        {
            // Before a letter a backslash is a letter in Markdown, too.
            if (text[at] == '\\' && at + 1 < text.Length && char.IsAsciiLetter(text[at + 1]))
            {
                _line.Append("\\");
            }
            else
            {
                _line.AppendLetter(text[at], IsCell);
            }
        }

        _line.Append("$");
    }

    /// <summary>Adds an image, or nothing in plain text.</summary>
    public void AppendImage(string alt, string? source)
    {
        if (!asMarkdown)
        {
            return;
        }

        if (_code is not null || source is null || links.Resolve(source) is not { } url)
        {
            Append(alt);
            return;
        }

        Begin();
        _line.Append("![");
        foreach (var letter in string.Join(' ', alt.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))
        {
            _line.AppendLetter(letter, IsCell);
        }

        _line.Append($"]({url})");
    }

    public void Break()
    {
        if (IsCell || _code is not null || _line.Count == 0)
        {
            _space = true;
            _code?.Append(' ');
            return;
        }

        _space = false;
        if (!EndsWithEmptyLine)
        {
            // Two spaces at a line's end are Markdown's break.
            _line.Append(asMarkdown ? "  \n" : "\n");
        }
    }

    /// <summary>Whether the line ends with two breaks: a third one would change nothing.</summary>
    private bool EndsWithEmptyLine
    {
        get { return _line.Text.EndsWith(asMarkdown ? "  \n  \n" : "\n\n"); }
    }

    /// <summary>Opens a mark, which stands before its first letter and behind its last.</summary>
    public void Open(HtmlTag tag, string mark) => Open(new Mark(tag, mark, mark, null));

    /// <summary>Opens a link, which is visible only with text.</summary>
    public void OpenLink(string link)
    {
        if (_scripts.TryPeek(out var script))
        {
            script.HasLink = true;
        }

        _linkStart = _line.Count;
        Open(new Mark(HtmlTag.A, "[", string.Empty, link));
    }

    public void OpenScript(HtmlTag tag)
    {
        if (asMarkdown)
        {
            Open(tag == HtmlTag.Sup ? new Mark(tag, "<sup>", "</sup>", null) : new Mark(tag, "<sub>", "</sub>", null));
        }
        else if (_scripts.Count < MaxOpen)
        {
            // A link that begins with a superscript leads to a note.
            _scripts.Push(new Script(tag, _line.Count) { HasLink = _linkStart == _line.Count });
        }
    }

    /// <summary>Closes the innermost mark of an element.</summary>
    public void Close(HtmlTag tag)
    {
        if (tag is HtmlTag.Code or HtmlTag.Kbd or HtmlTag.Samp or HtmlTag.Tt)
        {
            CloseCode();
            return;
        }

        if (tag is HtmlTag.Sup or HtmlTag.Sub && _scripts.TryPeek(out var script) && script.Tag == tag)
        {
            CloseScript(_scripts.Pop());
            return;
        }

        _linkStart = tag == HtmlTag.A ? null : _linkStart;
        var index = _open.FindLastIndex(mark => mark.Tag == tag);
        if (index < 0)
        {
            return;
        }

        // Marks that were opened inside and not closed end here, too, and go on behind it.
        for (var inner = _open.Count - 1; inner >= index; inner--)
        {
            WriteEnd(_open[inner]);
        }

        _open.RemoveAt(index);
    }

    public void OpenCode()
    {
        if (asMarkdown)
        {
            _code ??= new StringBuilder();
        }
    }

    /// <summary>Adds a box of a list of tasks; nothing in plain text.</summary>
    public void AppendTask(bool isDone)
    {
        if (asMarkdown && _code is null)
        {
            Begin();
            _line.Append(isDone ? "[x]" : "[ ]");
            _space = true;
        }
    }

    /// <summary>Ends the paragraph and returns it. The next one begins with the marks that are still open.</summary>
    public string Take()
    {
        CloseCode();
        _scripts.Clear();
        _linkStart = null;
        for (var inner = _open.Count - 1; inner >= 0; inner--)
        {
            WriteEnd(_open[inner]);
        }

        _space = false;
        if (_line.Count == 0)
        {
            return string.Empty;
        }

        var text = new string(_line.Text.TrimEnd());
        _line.Clear();
        return asMarkdown && !IsCell ? LineStarts.Escape(text) : text;
    }

    private void Open(Mark mark)
    {
        if (asMarkdown && _code is null && _open.Count < MaxOpen && !_open.Exists(one => one.Before == mark.Before))
        {
            _open.Add(mark);
        }
    }

    private void Begin()
    {
        if (_space && _line.Count > 0 && _line[^1] != '\n')
        {
            _line.Append(" ");
        }

        _space = false;
        foreach (var mark in _open)
        {
            if (!mark.IsWritten)
            {
                Write(mark);
            }
        }
    }

    private void Write(Mark mark)
    {
        if (mark.Link is { } link)
        {
            var url = links.Resolve(link);
            (mark.Link, mark.Before, mark.After) = (null, url is null ? string.Empty : "[", url is null ? string.Empty : $"]({url})");
        }

        if (mark.Before == "[" && _line.Count > 0 && _line[^1] == '!')
        {
            // Without a backslash the link would become an image.
            _line.InsertBeforeLast('\\');
        }

        _line.Append(mark.Before);
        mark.IsWritten = true;
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

        // Two pieces of code side by side would be read as one, and the text behind as Markdown.
        _space |= _line.Count > 0 && _line[^1] == '`';
        Begin();
        var fence = new string('`', InlineLine.LongestRun(text) + 1);
        var pad = text[0] == '`' || text[^1] == '`' ? " " : string.Empty;
        _line.Append($"{fence}{pad}{(IsCell ? text.Replace("|", "\\|", StringComparison.Ordinal) : text)}{pad}{fence}");
    }

    /// <summary>Writes in plain text a power with <c>^</c>, an index with <c>_</c>, and the mark of a note in brackets.</summary>
    private void CloseScript(Script script)
    {
        var start = Math.Min(script.Start, _line.Count);
        var written = new string(_line.Text[start..]);
        var text = written.Trim();
        if (text.Length == 0)
        {
            return;
        }

        var at = start + written.IndexOf(text, StringComparison.Ordinal);
        var isAttached = at > 0 && !char.IsWhiteSpace(_line[at - 1]);
        if (script.HasLink)
        {
            _line.Replace(at, text, text[0] is '[' or '(' ? text : $"[{text}]");
        }
        else if (isAttached && ScriptText.Mark(script.Tag == HtmlTag.Sup, _line[at - 1], text) is { } marked)
        {
            _line.Replace(at, text, marked);
        }
    }
}
