using System.Buffers;
using System.Globalization;
using System.Text;
using AngleSharp.Html;

namespace Relay.Infrastructure.Html;

/// <summary>Decodes HTML text with its character references (WHATWG, 13.2.5.72 and on).</summary>
internal static class CharacterReferences
{
    private const int MaxName = 32;

    /// <summary>The longest of the names that are known without a semicolon.</summary>
    private const int MaxLegacyName = 6;

    private static readonly SearchValues<byte> Alphanumerics = SearchValues.Create(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8
    );
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789abcdefABCDEF"u8);

    /// <summary>The characters of numbers 128 to 159, except control characters: windows-1252.</summary>
    private const string Windows1252 =
        "\u20AC\u0081\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u008D\u017D\u008F\u0090\u2018\u2019\u201C\u201D"
        + "\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u009D\u017E\u0178";

    /// <summary>Decodes a text. In an attribute's value <c>&amp;copy=1</c> is plain text.</summary>
    public static string Decode(ReadOnlySpan<byte> utf8, bool inAttribute)
    {
        var next = utf8.IndexOf((byte)'&');
        if (next < 0)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        var text = new StringBuilder(utf8.Length);
        while (next >= 0)
        {
            text.Append(Encoding.UTF8.GetString(utf8[..next]));
            utf8 = utf8[next..];
            var length = Read(utf8, inAttribute, text);
            if (length == 0)
            {
                text.Append('&');
                length = 1;
            }

            utf8 = utf8[length..];
            next = utf8.IndexOf((byte)'&');
        }

        return text.Append(Encoding.UTF8.GetString(utf8)).ToString();
    }

    /// <summary>Reads the reference at the beginning; 0 bytes where there is no reference.</summary>
    private static int Read(ReadOnlySpan<byte> utf8, bool inAttribute, StringBuilder text) =>
        utf8.Length > 1 && utf8[1] == '#' ? ReadNumber(utf8, text) : ReadName(utf8, inAttribute, text);

    private static int ReadNumber(ReadOnlySpan<byte> utf8, StringBuilder text)
    {
        var isHex = utf8.Length > 2 && utf8[2] is (byte)'x' or (byte)'X';
        var from = isHex ? 3 : 2;
        var rest = utf8[from..];
        var digits = isHex ? rest.IndexOfAnyExcept(HexDigits) : rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        digits = digits < 0 ? rest.Length : digits;
        if (digits == 0)
        {
            return 0;
        }

        // Longer numbers are out of range in any case.
        var significant = rest[..digits].TrimStart((byte)'0');
        var number =
            significant.Length == 0 ? 0
            : significant.Length > 8 ? int.MaxValue
            : long.Parse(
                Encoding.ASCII.GetString(significant),
                isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
                CultureInfo.InvariantCulture
            );
        text.Append(
            number is >= 0x80 and <= 0x9F ? Windows1252[(int)number - 0x80].ToString()
            : number is 0 or > 0x10FFFF or (>= 0xD800 and <= 0xDFFF) ? "\uFFFD"
            : char.ConvertFromUtf32((int)number)
        );
        return from + digits + (digits < rest.Length && rest[digits] == ';' ? 1 : 0);
    }

    private static int ReadName(ReadOnlySpan<byte> utf8, bool inAttribute, StringBuilder text)
    {
        var rest = utf8[1..Math.Min(utf8.Length, MaxName + 2)];
        var length = rest.IndexOfAnyExcept(Alphanumerics);
        length = length < 0 ? rest.Length : length;
        if (
            length < rest.Length
            && rest[length] == ';'
            && HtmlEntityProvider.Resolver.GetSymbol(Encoding.ASCII.GetString(rest[..(length + 1)])) is { } symbol
        )
        {
            text.Append(symbol);
            return 1 + length + 1;
        }

        for (var shorter = Math.Min(length, MaxLegacyName); shorter > 1; shorter--)
        {
            if (HtmlEntityProvider.Resolver.GetSymbol(Encoding.ASCII.GetString(rest[..shorter])) is not { } legacy)
            {
                continue;
            }

            var follower = shorter < rest.Length ? rest[shorter] : (byte)0;
            if (inAttribute && (follower == '=' || char.IsAsciiLetterOrDigit((char)follower)))
            {
                return 0;
            }

            text.Append(legacy);
            return 1 + shorter;
        }

        return 0;
    }
}
