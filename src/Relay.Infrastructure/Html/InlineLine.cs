using System.Runtime.InteropServices;

namespace Relay.Infrastructure.Html;

/// <summary>The letters of one paragraph. Each letter stays a letter: none becomes Markdown or HTML.</summary>
internal sealed class InlineLine(bool asMarkdown)
{
    /// <summary>The longest name of a character reference, with its <c>&amp;</c>.</summary>
    private const int LongestReference = 34;

    /// <summary>A list, because a string builder is slow to search, and slower to insert into.</summary>
    private readonly List<char> _letters = [];

    public int Count => _letters.Count;

    public ReadOnlySpan<char> Text => CollectionsMarshal.AsSpan(_letters);

    public char this[int index] => _letters[index];

    /// <summary>Appends the relay's own marks.</summary>
    public void Append(string marks) => _letters.AddRange(marks);

    public void InsertBeforeLast(char mark) => _letters.Insert(_letters.Count - 1, mark);

    public void Replace(int at, string text, string by)
    {
        if (!string.Equals(text, by, StringComparison.Ordinal))
        {
            _letters.RemoveRange(at, text.Length);
            _letters.InsertRange(at, by);
        }
    }

    public void Clear() => _letters.Clear();

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

    /// <summary>Appends a letter of the page, so that it stays one. In a cell, a '|' would end the cell.</summary>
    public void AppendLetter(char letter, bool isCell)
    {
        if (!asMarkdown)
        {
            _letters.Add(letter);
            return;
        }

        if (letter == ';')
        {
            EscapeReference();
        }

        var last = _letters.Count > 0 ? _letters[^1] : '\n';
        if (
            letter is '\\' or '`' or '*' or '[' or ']' or '<'
            || (letter == '|' && isCell)
            || (letter == '~' && last == '~')
            || (letter == '_' && !char.IsLetterOrDigit(last))
        )
        {
            _letters.Add('\\');
        }

        _letters.Add(letter);
    }

    /// <summary>Keeps text from becoming a character reference: its <c>&amp;</c> is escaped once its semicolon comes.</summary>
    private void EscapeReference()
    {
        for (var at = _letters.Count - 1; at >= Math.Max(0, _letters.Count - LongestReference); at--)
        {
            if (_letters[at] == '&' && at < _letters.Count - 1)
            {
                _letters.Insert(at, '\\');
                return;
            }

            if (!char.IsAsciiLetterOrDigit(_letters[at]) && _letters[at] != '#')
            {
                return;
            }
        }
    }
}
