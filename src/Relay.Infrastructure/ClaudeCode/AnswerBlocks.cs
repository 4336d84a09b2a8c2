using System.Text;
using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The blocks of one message as they come: words, calls of the caller's tools, and thoughts for a caller who asked for them. Each piece is
/// handed out once, in the order of the message.
/// </summary>
internal sealed class AnswerBlocks(bool showsThoughts, bool hasCitations)
{
    private readonly AnswerWords _words = new();
    private readonly List<Part> _parts = [];
    private readonly Queue<Next> _next = new();
    private readonly StringBuilder _pending = new();

    private int _textFrom;
    private int _otherLength;
    private OpenCall? _call;
    private OpenThought? _thought;
    private bool _isShown;
    private bool _isInText;
    private List<string> _citations = [];

    /// <summary>Length of all words, inputs and thoughts in UTF-16 units.</summary>
    public int Length => _words.Length + _otherLength;

    public bool HasWords => _words.Length > 0;

    public bool IsShown => _isShown;

    /// <summary>Whether the words hold nothing but blanks, as Claude Code reckons.</summary>
    public bool IsInvisible => _words.IsInvisible;

    /// <summary>Whether a call ended whose input is not a JSON object.</summary>
    public bool HasBrokenCall { get; private set; }

    public (string Text, string Sequence)? Append(string words, StopSequences? stop) => _words.Append(words, stop);

    public void Begin(JsonElement block)
    {
        switch (block.Text("type"))
        {
            case "text" when hasCitations:
                _isInText = true;
                break;
            case "tool_use":
                EndText();
                _call = new OpenCall(block.Text("id") ?? string.Empty, block.Text("name") ?? string.Empty, new StringBuilder());
                Add(new CallBegins(_call.Id, _call.Name));
                break;
            case "thinking" when showsThoughts:
                EndText();
                _thought = new OpenThought(new StringBuilder(block.Text("thinking")), new StringBuilder(block.Text("signature")));
                _pending.Append(_thought.Text);
                break;
            case "redacted_thinking" when showsThoughts && block.Text("data") is { } data:
                EndText();
                _parts.Add(new Part(new HiddenThought(data)));
                Add(new HiddenThoughtPiece(new HiddenThought(data)));
                break;
        }
    }

    public void Add(JsonElement delta)
    {
        if (_call is { } call && delta.Text("partial_json") is { } input)
        {
            call.Input.Append(input);
            _pending.Append(input);
            _otherLength += input.Length;
        }
        else if (_isInText && delta.Member("citation") is { ValueKind: JsonValueKind.Object } citation)
        {
            Cite(citation);
        }
        else if (_thought is { } thought)
        {
            thought.Text.Append(delta.Text("thinking"));
            thought.Signature.Append(delta.Text("signature"));
            _pending.Append(delta.Text("thinking"));
            _otherLength += (delta.Text("thinking")?.Length ?? 0) + (delta.Text("signature")?.Length ?? 0);
        }
    }

    public void End()
    {
        FlushPending(isEnd: true);
        if (_call is { } open)
        {
            _call = null;
            if (ToolCall.IsId(open.Id) && ToolCall.OfModel(open.Id, open.Name, AnswerWords.WellFormed(open.Input.ToString())) is { } call)
            {
                _parts.Add(new Part(new AnswerCall(call)));
                Add(new CallEnds(call));
            }
            else
            {
                HasBrokenCall = true;
            }
        }
        else if (_isInText)
        {
            var from = _textFrom;
            EndText();
            _isInText = false;
            if (_textFrom > from)
            {
                Add(new WordsEnd(new AnswerText(_words.Between(from, _textFrom)) { Citations = _citations }));
            }

            _citations = [];
        }
        else if (_thought is { } ended)
        {
            _thought = null;
            var thought = new AnswerThought(
                AnswerWords.WellFormed(ended.Text.ToString()),
                ended.Signature.Length == 0 ? null : ended.Signature.ToString()
            );
            _parts.Add(new Part(thought));
            Add(new ThoughtEnds(thought));
        }
    }

    /// <summary>The next piece that may be shown; null for none.</summary>
    public AnswerPiece? Take()
    {
        FlushPending(isEnd: false);
        while (_next.TryDequeue(out var next))
        {
            if (next.Piece is { } piece)
            {
                _isShown = true;
                return piece;
            }

            if (_words.TakeTo(next.WordsTo) is { } before)
            {
                _isShown = true;
                return new WordsPiece(before);
            }
        }

        if (_words.Take() is not { } words)
        {
            return null;
        }

        _isShown = true;
        return new WordsPiece(words);
    }

    /// <summary>All pieces that were not handed out, once the answer is known.</summary>
    public IEnumerable<AnswerPiece> TakeRest(string text)
    {
        FlushPending(isEnd: true);
        while (_next.TryDequeue(out var next))
        {
            if (next.Piece is { } piece)
            {
                yield return piece;
            }
            else if (_words.TakeTo(Math.Min(next.WordsTo, text.Length)) is { } before)
            {
                yield return new WordsPiece(before);
            }
        }

        if (_words.TakeRest(text) is { } rest)
        {
            yield return new WordsPiece(rest);
        }
    }

    /// <summary>All words, when no other piece comes.</summary>
    public string Complete() => _words.Complete();

    /// <summary>The blocks of the answer; null for one of text alone.</summary>
    public IReadOnlyList<AnswerBlock>? Content(string text)
    {
        if (_parts.Count == 0)
        {
            return null;
        }

        var content = new List<AnswerBlock>();
        foreach (var part in _parts.Append(new Part(null, _textFrom, text.Length)))
        {
            var (from, to) = (Math.Min(part.From, text.Length), Math.Min(part.To, text.Length));
            if (part.Block is { } block)
            {
                content.Add(block);
            }
            else if (to > from)
            {
                content.Add(new AnswerText(text[from..to]) { Citations = part.Citations ?? [] });
            }
        }

        return content;
    }

    /// <summary>Begins anew after a message was broken off before any of it was shown.</summary>
    public void Clear()
    {
        _words.Clear();
        _parts.Clear();
        _next.Clear();
        _pending.Clear();
        (_textFrom, _otherLength, _call, _thought, HasBrokenCall) = (0, 0, null, null, false);
        (_isInText, _citations) = (false, []);
    }

    private void EndText()
    {
        _words.EndPiece();
        if (_words.Length > _textFrom)
        {
            _next.Enqueue(new Next(null, _words.Length));
            _parts.Add(new Part(null, _textFrom, _words.Length, _citations));
            _textFrom = _words.Length;
        }
    }

    /// <summary>Adds a citation to the words that came so far. A citation that is not Unicode is left out.</summary>
    private void Cite(JsonElement citation)
    {
        try
        {
            JsonSerializer.Serialize(citation);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return; // Half of a surrogate pair: no reader of JSON could take it.
        }

        var json = citation.GetRawText();
        _next.Enqueue(new Next(null, _words.ShowableLength));
        _citations.Add(json);
        _otherLength += json.Length;
        Add(new CitationPiece(json));
    }

    private void Add(AnswerPiece piece) => _next.Enqueue(new Next(piece, 0));

    /// <summary>Makes a piece of the part of an input or a thought that has come. Half of a surrogate pair waits.</summary>
    private void FlushPending(bool isEnd)
    {
        var length = !isEnd && _pending.Length > 0 && char.IsHighSurrogate(_pending[^1]) ? _pending.Length - 1 : _pending.Length;
        if (length == 0)
        {
            return;
        }

        var text = AnswerWords.WellFormed(_pending.ToString(0, length));
        _pending.Remove(0, length);
        Add(_call is not null ? new CallInputPiece(text) : new ThoughtPiece(text));
    }

    /// <summary>A piece to hand out, or where there is none, the words up to a place.</summary>
    private readonly record struct Next(AnswerPiece? Piece, int WordsTo);

    /// <summary>A block, or where it has none, words from one place to another.</summary>
    private readonly record struct Part(AnswerBlock? Block, int From = 0, int To = 0, IReadOnlyList<string>? Citations = null);

    private sealed record OpenCall(string Id, string Name, StringBuilder Input);

    private sealed record OpenThought(StringBuilder Text, StringBuilder Signature);
}
