using System.Runtime.InteropServices;
using System.Text;
using UglyToad.PdfPig.Content;

namespace Relay.Infrastructure.Pdf;

/// <summary>Joins the letters of a page to lines, and lines to paragraphs, in the order in which the file writes them.</summary>
internal static class PdfLayout
{
    /// <summary>Letters whose baselines are nearer than this share of their size stand in one line: indices do.</summary>
    private const double SameLine = 0.5;

    /// <summary>A gap of this share of the size is a space.</summary>
    private const double Space = 0.15;

    /// <summary>A step back of this share of the size begins a line anew: kerning does not go as far.</summary>
    private const double StepBack = 0.7;

    /// <summary>Lines further apart than this share of their size belong to two paragraphs.</summary>
    private const double LineStep = 1.7;

    /// <summary>Lines of sizes further apart than this belong to two paragraphs: one is a heading.</summary>
    private const double SameSize = 1.15;

    /// <summary>A line that reaches this share of its paragraph's width is full. Several full lines were broken for want of room.</summary>
    private const double FullLine = 0.8;

    /// <summary>The paragraphs of a page, from its letters in the order of the file.</summary>
    public static IReadOnlyList<string> ParagraphsOf(IReadOnlyList<Letter> letters)
    {
        var paragraphs = new List<string>();
        var paragraph = new List<Line>();
        foreach (var line in LinesOf(letters))
        {
            if (paragraph.Count > 0 && !Continues(paragraph[^1], line))
            {
                Add(paragraphs, paragraph);
            }

            paragraph.Add(line);
        }

        Add(paragraphs, paragraph);
        return paragraphs;
    }

    /// <summary>Removes invisible letters from a text, and replaces ligatures by single letters.</summary>
    public static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case >= 0xFB00 and <= 0xFB06:
                    clean.Append(Ligatures[rune.Value - 0xFB00]);
                    break;
                case '\t' or '\n' or '\r' or 0xA0:
                    clean.Append(' ');
                    break;
                case < 0x20 or (>= 0x7F and < 0xA0) or 0xAD or 0xFEFF or 0xFFFE or 0xFFFF:
                    break;
                case >= FirstArabicForm and <= 0xFEFC:
                    clean.Append(ArabicForms[rune.Value - FirstArabicForm]);
                    break;
                default:
                    clean.Append(rune);
                    break;
            }
        }

        return clean.ToString();
    }

    private static readonly string[] Ligatures = ["ff", "fi", "fl", "ffi", "ffl", "st", "st"];

    private const int FirstArabicForm = 0xFE80;

    /// <summary>
    /// The letters of the block of Arabic forms, in its order. Files name a letter by the form that it has between two others. The
    /// framework's normalization knows these forms, but needs ICU.
    /// </summary>
    private static readonly string[] ArabicForms =
    [
        .. "\u0621"
            .Concat("\u0622\u0623\u0624\u0625".SelectMany(letter => Enumerable.Repeat(letter, 2)))
            .Concat(Enumerable.Repeat('\u0626', 4))
            .Concat(Enumerable.Repeat('\u0627', 2))
            .Concat(Enumerable.Repeat('\u0628', 4))
            .Concat(Enumerable.Repeat('\u0629', 2))
            .Concat("\u062A\u062B\u062C\u062D\u062E".SelectMany(letter => Enumerable.Repeat(letter, 4)))
            .Concat("\u062F\u0630\u0631\u0632".SelectMany(letter => Enumerable.Repeat(letter, 2)))
            .Concat(
                "\u0633\u0634\u0635\u0636\u0637\u0638\u0639\u063A\u0641\u0642\u0643\u0644\u0645\u0646\u0647".SelectMany(letter =>
                    Enumerable.Repeat(letter, 4)
                )
            )
            .Concat("\u0648\u0649".SelectMany(letter => Enumerable.Repeat(letter, 2)))
            .Concat(Enumerable.Repeat('\u064A', 4))
            .Select(letter => letter.ToString()),
        .. "\u0622\u0623\u0625\u0627".SelectMany(letter => Enumerable.Repeat("\u0644" + letter, 2)),
    ];

    private static IEnumerable<Line> LinesOf(IReadOnlyList<Letter> letters)
    {
        var line = new Line();
        foreach (var letter in letters)
        {
            var spot = Spot.Of(letter);
            var text = letter.Value ?? string.Empty;
            if (!line.IsEmpty && !line.Takes(spot, text))
            {
                yield return line;
                line = new Line();
            }

            line.Add(spot, text);
        }

        if (!line.IsEmpty)
        {
            yield return line;
        }
    }

    private static bool Continues(Line before, Line line)
    {
        var step = before.Baseline - line.Baseline;
        var size = Math.Max(before.Size, line.Size);
        return before.Orientation == line.Orientation
            && step > 0
            && step < size * LineStep
            && size < Math.Min(before.Size, line.Size) * SameSize
            && line.Left < before.Right
            && before.Left < line.Right;
    }

    private static void Add(List<string> paragraphs, List<Line> lines)
    {
        var left = lines.Count == 0 ? 0 : lines.Min(line => line.Left);
        var width = lines.Count == 0 ? 0 : lines.Max(line => line.Right) - left;
        bool IsFull(Line line) => line.Right - left >= width * FullLine;
        var isFlowing = lines.Count(IsFull) > 1;
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            var words = Clean(line.ToText()).Trim();
            if (words.Length == 0)
            {
                continue;
            }

            text.Append(words).Append(isFlowing && IsFull(line) ? ' ' : '\n');
        }

        lines.Clear();
        if (text.Length > 0)
        {
            paragraphs.Add(text.ToString(0, text.Length - 1));
        }
    }

    /// <summary>The place of a letter, as a reader from left to right sees it.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Spot(TextOrientation Orientation, double Start, double End, double Baseline, double Size)
    {
        public static Spot Of(Letter letter)
        {
            var (from, to) = (letter.StartBaseLine, letter.EndBaseLine);
            var size = letter.PointSize is > 0 and < 10_000 and var points ? points : 1;
            return letter.TextOrientation switch
            {
                TextOrientation.Rotate90 => new Spot(letter.TextOrientation, -from.Y, -to.Y, from.X, size),
                TextOrientation.Rotate180 => new Spot(letter.TextOrientation, -from.X, -to.X, -from.Y, size),
                TextOrientation.Rotate270 => new Spot(letter.TextOrientation, from.Y, to.Y, -from.X, size),
                _ => new Spot(letter.TextOrientation, from.X, to.X, from.Y, size),
            };
        }
    }

    private sealed class Line
    {
        private Spot _last;
        private bool _isWrittenToTheLeft;

        public StringBuilder Text { get; } = new();

        public TextOrientation Orientation { get; private set; }

        public double Left { get; private set; }

        public double Right { get; private set; }

        public double Baseline { get; private set; }

        public double Size { get; private set; }

        public bool IsEmpty => Text.Length == 0;

        public bool Takes(Spot spot, string text) =>
            spot.Orientation == Orientation
            && Math.Abs(spot.Baseline - Baseline) < Math.Max(spot.Size, Size) * SameLine
            && (spot.Start > _last.End - (Math.Max(spot.Size, Size) * StepBack) || IsToTheLeft(spot, text));

        public void Add(Spot spot, string text)
        {
            if (IsEmpty)
            {
                (Orientation, Left, Right, Baseline, Size) = (spot.Orientation, spot.Start, spot.End, spot.Baseline, spot.Size);
            }
            else
            {
                var isToTheLeft = IsToTheLeft(spot, text);
                _isWrittenToTheLeft |= isToTheLeft;
                var gap = isToTheLeft ? _last.Start - spot.End : spot.Start - _last.End;
                if (
                    gap > Math.Min(spot.Size, _last.Size) * Space
                    && !char.IsWhiteSpace(Text[^1])
                    && !(text.Length > 0 && char.IsWhiteSpace(text[0]))
                )
                {
                    Text.Append(' ');
                }
            }

            Text.Append(text);
            // A line has the size and the baseline of its largest letter.
            (Baseline, Size) = spot.Size > Size ? (spot.Baseline, spot.Size) : (Baseline, Size);
            (Left, Right, _last) = (Math.Min(Left, spot.Start), Math.Max(Right, spot.End), spot);
        }

        /// <summary>The line in reading order. Most files write Hebrew and Arabic in the order of the places, from left to right.</summary>
        public string ToText()
        {
            var text = Text.ToString();
            return _isWrittenToTheLeft || !text.EnumerateRunes().Any(IsRightToLeft) ? text : TurnRuns(text);
        }

        private bool IsToTheLeft(Spot spot, string text) =>
            text.EnumerateRunes().Any(IsRightToLeft)
            && spot.Start < _last.Start
            && Math.Abs(_last.Start - spot.End) < Math.Max(spot.Size, Size) * StepBack;

        private static string TurnRuns(string text)
        {
            var runes = text.EnumerateRunes().ToList();
            for (var from = 0; from < runes.Count; from++)
            {
                if (!IsRightToLeft(runes[from]))
                {
                    continue;
                }

                var end = from + 1;
                for (var at = end; at < runes.Count && (IsRightToLeft(runes[at]) || !Rune.IsLetterOrDigit(runes[at])); at++)
                {
                    end = IsRightToLeft(runes[at]) ? at + 1 : end;
                }

                runes.Reverse(from, end - from);
                from = end;
            }

            return string.Concat(runes);
        }

        /// <summary>Whether it is a letter of Hebrew, Arabic, Syriac, Thaana or N'Ko, or one of their forms.</summary>
        private static bool IsRightToLeft(Rune rune) =>
            rune.Value is (>= 0x590 and <= 0x8FF) or (>= 0xFB1D and <= 0xFDFF) or (>= 0xFE70 and <= 0xFEFC);
    }
}
