using System.Buffers;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>A content type.</summary>
internal sealed record ContentType(string? Header, ContentReading Reading, DocumentKind? Kind, string? Charset);

/// <summary>Tells which content types are text, and how they are read.</summary>
internal static class ContentKinds
{
    /// <summary>Bytes of a body without a type that are looked at, as browsers do (WHATWG MIME Sniffing).</summary>
    private const int SniffedBytes = 1445;

    /// <summary>The mark of a PDF is looked for within these bytes (ISO 32000-1, annex H.3).</summary>
    private const int PdfMarkWithin = 1024;

    private static ReadOnlySpan<byte> PdfMark => "%PDF-"u8;

    /// <summary>The first bytes of PNG, GIF, JPEG, PDF, PostScript, ZIP, gzip, RAR, Ogg, RIFF and MP3 files.</summary>
    private static readonly byte[][] Signatures =
    [
        [0x89, .. "PNG"u8],
        [.. "GIF8"u8],
        [0xFF, 0xD8, 0xFF],
        [.. "%PDF-"u8],
        [.. "%!PS-"u8],
        [.. "PK"u8, 3, 4],
        [0x1F, 0x8B],
        [.. "Rar!"u8],
        [.. "OggS"u8],
        [.. "RIFF"u8],
        [.. "ID3"u8],
    ];

    /// <summary>The letters of a type's name (RFC 9110, 5.6.2).</summary>
    private static readonly SearchValues<char> TokenLetters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    );

    /// <summary>Text that has a type of applications.</summary>
    private static readonly HashSet<string> TextApplications = new(StringComparer.Ordinal)
    {
        "application/yaml",
        "application/x-yaml",
        "application/vnd.yaml",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/json-lines",
        "application/json-seq",
        "application/toml",
        "application/x-toml",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "application/markdown",
        "application/x-markdown",
        "application/sql",
        "application/x-sh",
        "application/x-tex",
        "application/x-latex",
    };

    /// <summary>The kind of a media type; null for a type that is not text, or never ends.</summary>
    public static DocumentKind? Of(string mediaType) =>
        mediaType switch
        {
            "text/html" or "application/xhtml+xml" => DocumentKind.Html,
            "text/event-stream" => null,
            "text/xml" or "application/xml" or "application/json" => DocumentKind.Data,
            _ when TextApplications.Contains(mediaType) || mediaType.EndsWith("+yaml", StringComparison.Ordinal) => DocumentKind.Text,
            _ when mediaType.EndsWith("+json", StringComparison.Ordinal) => DocumentKind.Data,
            _ when mediaType.EndsWith("+xml", StringComparison.Ordinal) => mediaType.StartsWith("image/", StringComparison.Ordinal)
                ? null
                : DocumentKind.Data,
            _ when mediaType.StartsWith("text/", StringComparison.Ordinal) => DocumentKind.Text,
            _ => null,
        };

    /// <summary>
    /// The type of a body, from all values of its <c>Content-Type</c> headers: the last valid one that the relay can read (WHATWG Fetch,
    /// "extract a MIME type"). Without a valid one the bytes decide.
    /// </summary>
    public static ContentType Find(IEnumerable<string> headers)
    {
        var found = (ContentType?)null;
        var first = (string?)null;
        var mediaTypeBefore = (string?)null;
        foreach (var header in headers)
        {
            first ??= header;
            foreach (var value in SplitValues(header))
            {
                var (mediaType, charset) = Read(value);
                if (!IsValid(mediaType) || mediaType == "*/*")
                {
                    continue;
                }

                var (reading, kind) = ReadingOf(mediaType);
                // A type that repeats the one before it keeps the earlier charset.
                charset ??= mediaType == mediaTypeBefore ? found?.Charset : null;
                if (found is null || reading != ContentReading.Never)
                {
                    (found, mediaTypeBefore) = (new ContentType(value.Trim(), reading, kind, charset), mediaType);
                }
            }
        }

        return found ?? new ContentType(first, ContentReading.ByBytes, null, null);
    }

    /// <summary>
    /// The kind of a body by its first bytes; null for a body that is not text. With <paramref name="mustBeClear"/> a body without any
    /// letter is not text.
    /// </summary>
    public static DocumentKind? Sniff(ReadOnlySpan<byte> body, bool mustBeClear = false)
    {
        var head = body[..Math.Min(body.Length, SniffedBytes)];
        if (head is [0xFE, 0xFF, ..] or [0xFF, 0xFE, ..])
        {
            return DocumentKind.Text;
        }

        foreach (var signature in Signatures)
        {
            if (head.StartsWith(signature))
            {
                return null;
            }
        }

        // Bytes that no text has, in any encoding that keeps ASCII.
        var hasLetter = false;
        foreach (var one in head)
        {
            if (one is <= 0x08 or 0x0B or (>= 0x0E and <= 0x1A) or (>= 0x1C and <= 0x1F))
            {
                return null;
            }

            hasLetter |= char.IsAsciiLetterOrDigit((char)one) || one >= 0x80;
        }

        return head.TrimStart(" \t\r\n\uFEFF"u8) is [(byte)'<', ..] ? DocumentKind.Html
            : mustBeClear && !hasLetter ? null
            : DocumentKind.Text;
    }

    /// <summary>
    /// Whether a body is a PDF, whatever its type says. Some files have other bytes before their mark, as readers of PDFs allow. In a
    /// body that is named text, the mark may be a word, and counts at the beginning only.
    /// </summary>
    public static bool IsPdf(ReadOnlySpan<byte> body, bool isNamedText)
    {
        var head = body.TrimStart(" \t\r\n\uFEFF\0"u8);
        return head.StartsWith(PdfMark) || (!isNamedText && body[..Math.Min(body.Length, PdfMarkWithin)].IndexOf(PdfMark) >= 0);
    }

    /// <summary>The media type of a <c>Content-Type</c> header, in lower case, and its charset. Lenient, as sites are.</summary>
    public static (string MediaType, string? Charset) Read(string header)
    {
        var parts = header.Split(';');
        var charset = parts
            .Skip(1)
            .Select(part => part.Split('=', 2, StringSplitOptions.TrimEntries))
            .FirstOrDefault(pair => pair.Length == 2 && string.Equals(pair[0], "charset", StringComparison.OrdinalIgnoreCase))
            ?[1].Trim('"', '\'');
        return (parts[0].Trim().ToLowerInvariant(), string.IsNullOrEmpty(charset) ? null : charset);
    }

    private static (ContentReading Reading, DocumentKind? Kind) ReadingOf(string mediaType) =>
        mediaType switch
        {
            "unknown/unknown" or "application/unknown" => (ContentReading.ByBytes, null),
            "application/octet-stream"
            or "binary/octet-stream"
            or "application/pdf"
            or "application/x-pdf"
            or "application/acrobat"
            or "application/vnd.pdf"
            or "image/pdf"
            or "application/force-download"
            or "application/x-download" => (ContentReading.ByClearBytes, null),
            _ => Of(mediaType) is { } kind ? (ContentReading.ByType, kind) : (ContentReading.Never, null),
        };

    private static bool IsValid(string mediaType)
    {
        var slash = mediaType.IndexOf('/', StringComparison.Ordinal);
        return slash > 0
            && slash < mediaType.Length - 1
            && !mediaType.AsSpan(0, slash).ContainsAnyExcept(TokenLetters)
            && !mediaType.AsSpan(slash + 1).ContainsAnyExcept(TokenLetters);
    }

    /// <summary>The values between commas outside of quotation marks.</summary>
    private static IEnumerable<string> SplitValues(string header)
    {
        var (from, isQuoted) = (0, false);
        for (var at = 0; at < header.Length; at++)
        {
            isQuoted ^= header[at] == '"';
            if (header[at] == ',' && !isQuoted)
            {
                yield return header[from..at];
                from = at + 1;
            }
        }

        yield return header[from..];
    }
}
