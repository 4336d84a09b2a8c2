using Relay.Domain.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>Which content types are text, and how they are read.</summary>
internal static class ContentKinds
{
    /// <summary>How much of a body without a type is looked at, as browsers do (WHATWG MIME Sniffing).</summary>
    private const int SniffedBytes = 1445;

    /// <summary>How PNG, GIF, JPEG, PDF, PostScript, ZIP, gzip, RAR, Ogg, RIFF and MP3 files begin.</summary>
    private static readonly byte[][] Signatures =
        [[0x89, .. "PNG"u8], [.. "GIF8"u8], [0xFF, 0xD8, 0xFF], [.. "%PDF-"u8], [.. "%!PS-"u8], [.. "PK"u8, 3, 4], [0x1F, 0x8B], [.. "Rar!"u8], [.. "OggS"u8], [.. "RIFF"u8], [.. "ID3"u8]];

    /// <summary>The kind of a media type; null for what is no text, or never ends.</summary>
    public static DocumentKind? Of(string mediaType) => mediaType switch
    {
        "text/html" or "application/xhtml+xml" => DocumentKind.Html,
        "text/event-stream" => null,
        "text/xml" or "application/xml" or "application/json" => DocumentKind.Data,
        _ when mediaType.EndsWith("+json", StringComparison.Ordinal) => DocumentKind.Data,
        _ when mediaType.EndsWith("+xml", StringComparison.Ordinal) => mediaType.StartsWith("image/", StringComparison.Ordinal) ? null : DocumentKind.Data,
        _ when mediaType.StartsWith("text/", StringComparison.Ordinal) => DocumentKind.Text,
        _ => null,
    };

    /// <summary>The kind of a body that came without a type; null for what is no text.</summary>
    public static DocumentKind? Sniff(ReadOnlySpan<byte> body)
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

        // The bytes that no text has, of any encoding that keeps ASCII.
        foreach (var one in head)
        {
            if (one is <= 0x08 or 0x0B or (>= 0x0E and <= 0x1A) or (>= 0x1C and <= 0x1F))
            {
                return null;
            }
        }

        return head.TrimStart(" \t\r\n\uFEFF"u8) is [(byte)'<', ..] ? DocumentKind.Html : DocumentKind.Text;
    }

    /// <summary>The media type of a <c>Content-Type</c> header, in lower case, and its charset. Lenient, as sites are.</summary>
    public static (string MediaType, string? Charset) Read(string header)
    {
        var parts = header.Split(';');
        var charset = parts.Skip(1)
            .Select(part => part.Split('=', 2, StringSplitOptions.TrimEntries))
            .FirstOrDefault(pair => pair.Length == 2 && string.Equals(pair[0], "charset", StringComparison.OrdinalIgnoreCase))?[1].Trim('"', '\'');
        return (parts[0].Trim().ToLowerInvariant(), string.IsNullOrEmpty(charset) ? null : charset);
    }
}
