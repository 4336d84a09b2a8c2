using System.Buffers;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>A piece of a content, by offsets in bytes. The total and the next offset count Unicode code points.</summary>
internal sealed record ContentPiece(int Start, int End, long TotalChars, long? NextOffset);

/// <summary>
/// Cuts a content into pieces. The pieces, joined in the order of their offsets, are the whole content. No piece begins or ends inside a
/// character, nor, in markup, inside a tag or a character reference.
/// </summary>
internal static class ContentCutter
{
    /// <summary>A piece may be smaller by this part, to end at the end of a line, a word or an element.</summary>
    private const int Slack = 50;

    private const int LongestReference = 40;

    private static readonly SearchValues<byte> Breaks = SearchValues.Create(" \n\t"u8);

    /// <summary>Cuts a piece of valid UTF-8 at an offset in code points. An offset inside a tag means the tag's end.</summary>
    public static ContentPiece? Cut(ReadOnlySpan<byte> content, bool isMarkup, long offset, int maxBytes, out CutProblem problem)
    {
        problem = CutProblem.None;
        var total = Count(content);
        if (offset > total)
        {
            problem = CutProblem.OffsetBehindEnd;
            return null;
        }

        var start = IndexOf(content, offset);
        var limit = Math.Min(content.Length, start + (long)maxBytes);
        var tokens = new HtmlTokenizer(isMarkup ? content : default);
        if (isMarkup && start > 0)
        {
            while (tokens.End < start && tokens.Read()) { }

            if (tokens.End > start && !IsText(tokens))
            {
                start = tokens.End;
                limit = Math.Min(content.Length, start + (long)maxBytes);
            }
        }

        var end = (int)limit;
        if (end < content.Length)
        {
            end = ToBoundary(content, start, end, isMarkup, ref tokens);
            if (end <= start)
            {
                problem = CutProblem.TooLargeToCut;
                return null;
            }
        }

        var before = start == 0 ? 0 : Count(content[..start]);
        return new ContentPiece(start, end, total, end < content.Length ? before + Count(content[start..end]) : null);
    }

    private static int ToBoundary(ReadOnlySpan<byte> content, int start, int end, bool isMarkup, ref HtmlTokenizer tokens)
    {
        while (end > start && IsContinuation(content[end]))
        {
            end--;
        }

        if (isMarkup)
        {
            while (tokens.End <= end && tokens.Read()) { }

            if (!IsText(tokens))
            {
                return tokens.Start;
            }

            // In text the cut must not fall into a character reference, which usually ends in a semicolon.
            var from = Math.Max(Math.Max(tokens.Start, start), end - LongestReference);
            var mark = content[from..end].LastIndexOf((byte)'&');
            if (mark >= 0 && from + mark > start && content[(from + mark)..end].IndexOfAny((byte)';', (byte)' ', (byte)'\n') < 0)
            {
                end = from + mark;
            }

            start = Math.Max(tokens.Start, start);
        }

        var last = content[Math.Max(start, end - ((end - start) / Slack))..end].LastIndexOfAny(Breaks);
        return last < 0 ? end : Math.Max(start, end - ((end - start) / Slack)) + last + 1;
    }

    private static bool IsText(in HtmlTokenizer tokens) => tokens.Kind == HtmlTokenKind.Text && !tokens.IsCData;

    /// <summary>The number of code points: of bytes that begin one.</summary>
    private static long Count(ReadOnlySpan<byte> utf8)
    {
        // Counted by UTF-16 length, which is fast, minus the second unit of each code point beyond the first plane.
        return Encoding.UTF8.GetCharCount(utf8) - CountFourByteOnes(utf8);
    }

    private static long CountFourByteOnes(ReadOnlySpan<byte> utf8)
    {
        var count = 0L;
        for (var at = utf8.IndexOfAnyInRange((byte)0xF0, (byte)0xF4); at >= 0; at = utf8.IndexOfAnyInRange((byte)0xF0, (byte)0xF4))
        {
            count++;
            utf8 = utf8[(at + 1)..];
        }

        return count;
    }

    private static int IndexOf(ReadOnlySpan<byte> utf8, long offset)
    {
        const int step = 4096;
        var at = 0;
        while (offset > step && at + step < utf8.Length)
        {
            var end = at + step;
            while (end > at && IsContinuation(utf8[end]))
            {
                end--;
            }

            var count = Count(utf8[at..end]);
            if (count > offset)
            {
                break;
            }

            offset -= count;
            at = end;
        }

        while (offset > 0 && at < utf8.Length)
        {
            at++;
            while (at < utf8.Length && IsContinuation(utf8[at]))
            {
                at++;
            }

            offset--;
        }

        return at;
    }

    private static bool IsContinuation(byte letter) => (letter & 0xC0) == 0x80;
}
