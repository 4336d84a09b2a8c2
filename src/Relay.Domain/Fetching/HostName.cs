using System.Globalization;
using System.Text;

namespace Relay.Domain.Fetching;

/// <summary>
/// A host's name as the wire has it: lower case, ASCII, international labels in Punycode. The platform's IDN mapping is not used: it
/// reads a name in one way with ICU and in another without it, and maps digits and dots that a person would not recognise to plain ones.
/// </summary>
public static class HostName
{
    private const int MaxName = 253;
    private const int MaxLabel = 63;

    /// <summary>
    /// Letters that look like others or stand for several: compatibility forms, which Unicode's normalization for names
    /// (NFKC) would turn into something else.
    /// </summary>
    private static readonly (int First, int Last)[] CompatibilityBlocks =
    [
        (0x00AA, 0x00AA),
        (0x00BA, 0x00BA), // ordinal indicators
        (0x0132, 0x0133),
        (0x013F, 0x0140),
        (0x0149, 0x0149),
        (0x017F, 0x017F),
        (0x01C4, 0x01CC),
        (0x01F1, 0x01F3), // digraphs, long s
        (0x1D2C, 0x1DBF),
        (0x1E9A, 0x1E9B), // phonetic extensions
        (0x2100, 0x214F), // letterlike symbols
        (0x2C7C, 0x2C7D),
        (0x3131, 0x318E), // Hangul compatibility letters
        (0xF900, 0xFAFF), // CJK compatibility ideographs
        (0xFB00, 0xFDFF),
        (0xFE00, 0xFE0F),
        (0xFE70, 0xFEFF), // presentation forms, variation selectors
        (0xFF00, 0xFFEF), // half and full width
        (0x1D400, 0x1D7FF),
        (0x1EE00, 0x1EEFF), // mathematical letters
        (0x2F800, 0x2FA1F), // CJK compatibility ideographs
        (0xE0100, 0xE01EF), // variation selectors
    ];

    /// <summary>Letters that Unicode counts as modifiers and that ordinary words have: Japanese, Thai, Lao.</summary>
    private static readonly int[] OrdinaryModifiers = [0x3005, 0x309D, 0x309E, 0x30FC, 0x30FD, 0x30FE, 0x0E46, 0x0EC6];

    /// <summary>
    /// The one form in which names are compared: in ASCII and lower case, without a dot at the end, which only says that the name is
    /// complete. Null for a text that is not a name, and for one that is an address or that a program could take for one.
    /// </summary>
    public static string? Read(string host)
    {
        var name = host.EndsWith('.') ? host[..^1] : host;
        return NumericHost.EndsInNumber(name) ? null : ToAscii(name);
    }

    private static string? ToAscii(string host)
    {
        var name = new StringBuilder(host.Length);
        foreach (var label in host.Split('.'))
        {
            if (ToAsciiLabel(label) is not { } ascii)
            {
                return null;
            }

            name.Append(name.Length == 0 ? string.Empty : ".").Append(ascii);
        }

        return name.Length <= MaxName ? name.ToString() : null;
    }

    private static string? ToAsciiLabel(string label)
    {
        if (
            label.Length is 0 or > MaxName
            || label[0] == '-'
            || label[^1] == '-'
            || string.Equals(label, "xn--", StringComparison.OrdinalIgnoreCase)
        )
        {
            return null;
        }

        var points = new List<int>(label.Length);
        foreach (var rune in label.EnumerateRunes())
        {
            if (!(rune.IsAscii ? IsAsciiHostLetter(rune) : IsPlain(rune)))
            {
                return null;
            }

            points.Add(Rune.ToLowerInvariant(rune).Value);
        }

        // A mark needs a letter before it.
        if (IsMark(Rune.GetUnicodeCategory(new Rune(points[0]))))
        {
            return null;
        }

        var ascii = points.TrueForAll(point => point < 0x80)
            ? string.Concat(points.Select(point => (char)point))
            : "xn--" + Punycode(points);
        return ascii.Length <= MaxLabel ? ascii : null;
    }

    private static bool IsAsciiHostLetter(Rune rune) => char.IsAsciiLetterOrDigit((char)rune.Value) || rune.Value is '-' or '_';

    private static bool IsPlain(Rune rune)
    {
        if (Array.Exists(CompatibilityBlocks, block => rune.Value >= block.First && rune.Value <= block.Last))
        {
            return false;
        }

        var category = Rune.GetUnicodeCategory(rune);
        return category is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter
            || IsMark(category)
            || (category == UnicodeCategory.ModifierLetter && Array.IndexOf(OrdinaryModifiers, rune.Value) >= 0);
    }

    private static bool IsMark(UnicodeCategory category) =>
        category is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;

    /// <summary>RFC 3492, section 6.3.</summary>
    private static string Punycode(List<int> points)
    {
        const int skew = 38,
            damp = 700,
            tMin = 1,
            tMax = 26,
            digits = 36;
        var output = new StringBuilder();
        foreach (var point in points.Where(point => point < 0x80))
        {
            output.Append((char)point);
        }

        var basic = output.Length;
        var handled = basic;
        if (basic > 0)
        {
            output.Append('-');
        }

        int next = 0x80,
            delta = 0,
            bias = 72;
        while (handled < points.Count)
        {
            var lowest = points.Where(point => point >= next).Min();
            delta += (lowest - next) * (handled + 1);
            next = lowest;
            foreach (var point in points)
            {
                if (point < next)
                {
                    delta++;
                }

                if (point != next)
                {
                    continue;
                }

                var rest = delta;
                for (var place = digits; ; place += digits)
                {
                    var threshold = Math.Clamp(place - bias, tMin, tMax);
                    if (rest < threshold)
                    {
                        break;
                    }

                    output.Append(Digit(threshold + ((rest - threshold) % (digits - threshold))));
                    rest = (rest - threshold) / (digits - threshold);
                }

                output.Append(Digit(rest));
                delta = handled == basic ? delta / damp : delta / 2;
                delta += delta / (handled + 1);
                bias = 0;
                for (; delta > (digits - tMin) * tMax / 2; bias += digits)
                {
                    delta /= digits - tMin;
                }

                bias += (digits - tMin + 1) * delta / (delta + skew);
                delta = 0;
                handled++;
            }

            delta++;
            next++;
        }

        return output.ToString();
    }

    private static char Digit(int value) => (char)(value < 26 ? 'a' + value : '0' + value - 26);
}
