using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Relay.Infrastructure.Pdf;

/// <summary>
/// Gives a file that has lost its end a new one. The catalog of a PDF and the table of its objects stand at the end, so that a cut file
/// has neither. Its pages are listed in a new catalog.
/// </summary>
internal static partial class PdfSalvage
{
    /// <summary>The bytes within which an object usually tells its type.</summary>
    private const int HeadBytes = 2000;

    private const int MaxNumber = 10_000_000;

    /// <summary>The file, or its beginning, with a new end; null where no page is found.</summary>
    public static byte[]? AddEnd(ReadOnlySpan<byte> file)
    {
        var pages = new List<int>();
        var last = 0;
        for (var at = file.IndexOf(" obj"u8); at >= 0; at = Next(file, at))
        {
            if (NumberBefore(file, at) is not { } number)
            {
                continue;
            }

            last = Math.Max(last, number);
            var head = file.Slice(at, Math.Min(HeadBytes, file.Length - at));
            var end = head.IndexOf("endobj"u8);
            if (end >= 0 && PageType().IsMatch(Encoding.Latin1.GetString(head[..end])))
            {
                pages.Add(number);
            }
        }

        if (pages.Count == 0)
        {
            return null;
        }

        var found = pages.Distinct().Take(PdfExtractor.MaxPages).ToList();
        var kids = string.Join(' ', found.Select(page => string.Create(CultureInfo.InvariantCulture, $"{page} 0 R")));
        var newEnd = string.Create(
            CultureInfo.InvariantCulture,
            $"\nendstream\nendobj\n{last + 1} 0 obj\n<< /Type /Catalog /Pages {last + 2} 0 R >>\nendobj\n{last + 2} 0 obj\n<< /Type "
                + $"/Pages /Count {found.Count} /Kids [{kids}] >>\nendobj\ntrailer\n<< /Size {last + 3} /Root {last + 1} 0 R "
                + $">>\nstartxref\n0\n%%EOF\n"
        );
        return [.. file, .. Encoding.Latin1.GetBytes(newEnd)];
    }

    private static int Next(ReadOnlySpan<byte> file, int at)
    {
        var next = file[(at + 1)..].IndexOf(" obj"u8);
        return next < 0 ? -1 : at + 1 + next;
    }

    /// <summary>The object's number, which stands before its generation: <c>12 0 obj</c>.</summary>
    private static int? NumberBefore(ReadOnlySpan<byte> file, int at)
    {
        var from = Math.Max(0, at - 20);
        return
            NumberAndGeneration().Match(Encoding.Latin1.GetString(file[from..at])) is { Success: true } match
            && int.TryParse(match.Groups["number"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is > 0 and < MaxNumber
            ? number
            : null;
    }

    [GeneratedRegex(
        @"(?:^|[^0-9])(?<number>[0-9]{1,8})\s[0-9]{1,5}$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex NumberAndGeneration();

    [GeneratedRegex(@"/Type\s*/Page(?![A-Za-z])", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PageType();
}
