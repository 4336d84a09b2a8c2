using System.Text;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The text of one message as it comes, piece by piece. A surrogate pair that is split between two pieces is joined before it is handed
/// out. Half a pair that stays alone becomes U+FFFD.
/// </summary>
internal sealed class AnswerWords
{
    private readonly StringBuilder _text = new();
    private char? _half;
    private int _taken;
    private int _heldBack;

    public int Length => _text.Length;

    /// <summary>Length of the part that may be shown: without the possible beginning of a stop text.</summary>
    public int ShowableLength => _text.Length - _heldBack;

    public bool IsShown => _taken > 0;

    /// <summary>Whether the text holds nothing but blanks, as Claude Code reckons: JavaScript's <c>trim</c> leaves nothing.</summary>
    public bool IsInvisible
    {
        get
        {
            foreach (var chunk in _text.GetChunks())
            {
                foreach (var character in chunk.Span)
                {
                    if (!char.IsWhiteSpace(character) && character != '\uFEFF')
                    {
                        return false;
                    }
                }
            }

            return _half is null;
        }
    }

    /// <summary>Adds a piece, which may begin or end with half a pair. Returns the first stop text, and the text before it.</summary>
    public (string Text, string Sequence)? Append(string piece, StopSequences? stop)
    {
        var from = Math.Max(_taken, _text.Length - StopSequences.MaxLength);
        if (_half is { } half)
        {
            (piece, _half) = (half + piece, null);
        }

        if (piece.Length > 0 && char.IsHighSurrogate(piece[^1]))
        {
            (piece, _half) = (piece[..^1], piece[^1]);
        }

        _text.Append(WellFormed(piece));
        if (stop is null)
        {
            return null;
        }

        var recent = _text.ToString(from, _text.Length - from);
        if (stop.Find(recent) is { } found)
        {
            return (_text.ToString(0, from + found.Index), found.Sequence);
        }

        _heldBack = stop.CountHeldBack(recent);
        return null;
    }

    /// <summary>The text that came since the last call, without the possible beginning of a stop text.</summary>
    public string? Take() => TakeTo(ShowableLength);

    /// <summary>The text up to a place, without the part that was taken before; null for none.</summary>
    public string? TakeTo(int end)
    {
        if (end <= _taken)
        {
            return null;
        }

        var words = _text.ToString(_taken, end - _taken);
        _taken = end;
        return words;
    }

    /// <summary>Ends the piece: no other piece follows directly, so nothing is held back any more, and half a pair stays alone.</summary>
    public void EndPiece()
    {
        if (_half is not null)
        {
            _text.Append('\uFFFD');
        }

        (_half, _heldBack) = (null, 0);
    }

    public string? TakeRest(string answer)
    {
        var rest = _taken < answer.Length ? answer[_taken..] : null;
        _taken = answer.Length;
        return rest;
    }

    public string Between(int from, int to) => _text.ToString(from, to - from);

    /// <summary>The whole text, when no other piece comes.</summary>
    public string Complete() => _half is null ? _text.ToString() : _text + "\uFFFD";

    public void Clear()
    {
        _text.Clear();
        (_half, _heldBack) = (null, 0);
    }

    /// <summary>The text with U+FFFD for each half of a surrogate pair that stands alone.</summary>
    public static string WellFormed(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
