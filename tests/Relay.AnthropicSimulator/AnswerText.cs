using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>A text as the pieces it is streamed in, each already escaped for a JSON string.</summary>
internal sealed class AnswerText
{
    private const int MostPieces = 32;
    private const int ShortestPiece = 8;

    private static readonly byte[][] Words =
    [
        .. "one two three four five six seven eight nine ten".Split(' ').Select(word => Escape(" " + word)),
    ];
    private static readonly AnswerText Default = Split(Behavior.DefaultText);

    private readonly byte[][] _pieces;
    private readonly Form _form;

    private AnswerText(byte[][] pieces, int count, Form form) => (_pieces, Count, _form) = (pieces, count, form);

    private enum Form
    {
        Text,
        Words,
        Moments,
    }

    public int Count { get; }

    /// <summary>Words cycle through a fixed table, so that a long answer costs no memory.</summary>
    public ReadOnlySpan<byte> this[int piece] =>
        _form switch
        {
            Form.Words => _pieces[piece % _pieces.Length].AsSpan(piece == 0 ? 1 : 0),
            Form.Moments => Encoding.UTF8.GetBytes($"{Stopwatch.GetTimestamp()} "),
            _ => _pieces[piece],
        };

    public static AnswerText Of(string text) => ReferenceEquals(text, Behavior.DefaultText) ? Default : Split(text);

    public static AnswerText OfWords(int count) => new(Words, count, Form.Words);

    /// <summary>Each piece is the moment at which it is read.</summary>
    public static AnswerText OfMoments(int count) => new([], count, Form.Moments);

    /// <summary>The whole text, escaped for a JSON string.</summary>
    public string Escaped()
    {
        var text = new StringBuilder();
        for (var i = 0; i < Count; i++)
        {
            text.Append(Encoding.UTF8.GetString(this[i]));
        }

        return text.ToString();
    }

    public override string ToString() => JsonElement.Parse($"\"{Escaped()}\"").GetString()!;

    private static AnswerText Split(string text)
    {
        var size = Math.Max(ShortestPiece, (text.Length + MostPieces - 1) / MostPieces);
        var pieces = new List<byte[]>(MostPieces);
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Math.Min(text.Length, start + size);
            if (end < text.Length && char.IsHighSurrogate(text[end - 1]))
            {
                end++; // Half a pair is not a piece.
            }

            pieces.Add(Escape(text.AsSpan(start, end - start)));
        }

        return new AnswerText([.. pieces], pieces.Count, Form.Text);
    }

    private static byte[] Escape(ReadOnlySpan<char> text) =>
        JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.ToArray();
}
