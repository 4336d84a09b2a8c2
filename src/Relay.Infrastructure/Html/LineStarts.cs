using System.Buffers;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>Escapes text that at the beginning of a line would make it a heading, a list, a quote, a rule or a table in Markdown.</summary>
internal static class LineStarts
{
    private const int MaxHeading = 6;
    private const int MaxNumber = 9;
    private static readonly SearchValues<char> Rules = SearchValues.Create("-:|= ");

    public static bool EndsInMarks(string text) => text.EndsWith('#') && text.TrimEnd('#') is "" or [.., ' '];

    public static string Escape(string text)
    {
        var output = (StringBuilder?)null;
        var written = 0;
        for (var start = 0; start < text.Length; )
        {
            var end = text.IndexOf('\n', start) is var at and >= 0 ? at : text.Length;
            if (MarkOf(text.AsSpan(start, end - start)) is var mark and >= 0)
            {
                output ??= new StringBuilder(text.Length + 16);
                output.Append(text, written, start + mark - written).Append('\\');
                written = start + mark;
            }

            start = end + 1;
        }

        return output is null ? text : output.Append(text, written, text.Length - written).ToString();
    }

    /// <summary>The letter of a line that has to be escaped; below 0 for none.</summary>
    private static int MarkOf(ReadOnlySpan<char> line)
    {
        switch (line.Length == 0 ? ' ' : line[0])
        {
            case '>':
                return 0;
            case '#':
                var marks = line.IndexOfAnyExcept('#');
                return (marks < 0 ? line.Length : marks) <= MaxHeading && IsEnd(line, marks < 0 ? line.Length : marks) ? 0 : -1;
            case '-' or '+' when IsEnd(line, 1):
                return 0;
            case '-' or ':' or '|' or '=':
                return line.ContainsAnyExcept(Rules) ? -1 : 0;
            case >= '0' and <= '9':
                var digits = line.IndexOfAnyExceptInRange('0', '9');
                return digits is > 0 and <= MaxNumber && line[digits] is '.' or ')' && IsEnd(line, digits + 1) ? digits : -1;
            default:
                return -1;
        }
    }

    private static bool IsEnd(ReadOnlySpan<char> line, int at) => at >= line.Length || line[at] is ' ' or '\t';
}
