using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using Relay.Domain.Fetching;
using UtfUnknown;

namespace Relay.Infrastructure.Html;

/// <summary>
/// A document's text: valid UTF-8, without a byte order mark. The charset is the encoding that its bytes were in, by the Encoding
/// Standard's name in lower case; null for an empty document.
/// </summary>
internal sealed record DecodedPage(ReadOnlyMemory<byte> Utf8, string? Charset);

/// <summary>
/// Finds a document's encoding as browsers do: byte order mark, content type, the document's own declaration, the look of its bytes.
/// Bytes that are not text become U+FFFD; nothing is an error.
/// </summary>
internal static partial class PageDecoder
{
    private const int PrescanBytes = 1024;

    /// <summary>Some heads name their charset behind their scripts. A browser starts again when it finds it.</summary>
    private const int HeadBytes = 64 * 1024;

    /// <summary>A longer sample makes no better guess.</summary>
    private const int DetectedBytes = 64 * 1024;
    private const float MinConfidence = 0.5f;

    private const string Windows1252 = "windows-1252";

    /// <summary>Reads a document. One that is not whole may end in the middle of a character.</summary>
    public static DecodedPage Decode(ReadOnlyMemory<byte> body, string? charset, DocumentKind kind, bool isWhole)
    {
        if (body.IsEmpty)
        {
            return new DecodedPage(body, null);
        }

        var (encoding, mark) = FindMark(body.Span);
        encoding ??= EncodingLabels.Find(charset) ?? FindDeclared(body.Span, kind) ?? Detect(body.Span, kind, isWhole);
        var text = body[mark..];
        if (encoding.Decoder is not { } decoder)
        {
            return new DecodedPage("\uFFFD"u8.ToArray(), encoding.Name);
        }

        // A character that the cut went through is no fault of the page.
        return encoding.Name == "utf-8"
            ? new DecodedPage(ToValid(isWhole ? text : text[..^CutOff(text.Span)]), encoding.Name)
            : new DecodedPage(Encoding.UTF8.GetBytes(decoder.GetString(text.Span)), encoding.Name);
    }

    /// <summary>The bytes themselves where they are valid, which costs nothing; else a repaired copy.</summary>
    private static ReadOnlyMemory<byte> ToValid(ReadOnlyMemory<byte> bytes) =>
        Utf8.IsValid(bytes.Span) ? bytes : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes.Span));

    private static (WebEncoding? Encoding, int Length) FindMark(ReadOnlySpan<byte> body) =>
        body switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (EncodingLabels.Find("utf-8"), 3),
            [0xFE, 0xFF, ..] => (EncodingLabels.Find("utf-16be"), 2),
            [0xFF, 0xFE, ..] => (EncodingLabels.Find("utf-16le"), 2),
            _ => (null, 0),
        };

    /// <summary>The encoding that the document declares: in a <c>meta</c> element, or in an XML declaration.</summary>
    private static WebEncoding? FindDeclared(ReadOnlySpan<byte> body, DocumentKind kind)
    {
        var head = body[..Math.Min(body.Length, PrescanBytes)];
        if (kind == DocumentKind.Text)
        {
            return null;
        }

        var declared = head.StartsWith("<?xml"u8) ? FindInXmlDeclaration(head) : null;
        declared ??= kind == DocumentKind.Html ? FindInMeta(body[..Math.Min(body.Length, HeadBytes)]) : null;
        // A document whose declaration could be read as ASCII is in neither of these encodings.
        return declared?.Name switch
        {
            "utf-16le" or "utf-16be" => EncodingLabels.Find("utf-8"),
            "x-user-defined" => EncodingLabels.Find(Windows1252),
            _ => declared,
        };
    }

    private static WebEncoding? FindInXmlDeclaration(ReadOnlySpan<byte> head)
    {
        var end = head.IndexOf("?>"u8);
        return EncodingLabels.Find(XmlEncoding().Match(Encoding.Latin1.GetString(end < 0 ? head : head[..end])).Groups["label"].Value);
    }

    private static WebEncoding? FindInMeta(ReadOnlySpan<byte> head)
    {
        var tokens = new HtmlTokenizer(head);
        var isHeadOver = false;
        while (tokens.Read() && (tokens.Start < PrescanBytes || !isHeadOver))
        {
            isHeadOver |= EndsHead(tokens);
            if (tokens.Kind != HtmlTokenKind.StartTag || tokens.Tag != HtmlTag.Meta)
            {
                continue;
            }

            var label = HtmlAttributes.Find(tokens.Attributes, "charset"u8);
            if (
                label is null
                && string.Equals(HtmlAttributes.Find(tokens.Attributes, "http-equiv"u8), "content-type", StringComparison.OrdinalIgnoreCase)
            )
            {
                label = ContentCharset().Match(HtmlAttributes.Find(tokens.Attributes, "content"u8) ?? string.Empty).Groups["label"].Value;
            }

            if (EncodingLabels.Find(label) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private static bool EndsHead(in HtmlTokenizer tokens) =>
        (tokens.Kind == HtmlTokenKind.EndTag && tokens.Tag == HtmlTag.Head)
        || (
            tokens.Kind == HtmlTokenKind.StartTag
            && tokens.Tag
                is HtmlTag.Body
                    or HtmlTag.Div
                    or HtmlTag.P
                    or HtmlTag.H1
                    or HtmlTag.Table
                    or HtmlTag.Header
                    or HtmlTag.Main
                    or HtmlTag.A
        );

    private static WebEncoding Detect(ReadOnlySpan<byte> body, DocumentKind kind, bool isWhole)
    {
        var utf8 = EncodingLabels.Find("utf-8")!;
        if (kind == DocumentKind.Data || Utf8.IsValid(isWhole ? body : body[..^CutOff(body)]))
        {
            return utf8;
        }

        var sample = body[..Math.Min(body.Length, DetectedBytes)].ToArray();
        return
            CharsetDetector.DetectFromBytes(sample).Detected is { Confidence: >= MinConfidence, EncodingName: var name }
            && EncodingLabels.Find(name) is { Name: not ("utf-8" or "replacement") } found
            ? found
            : EncodingLabels.Find(Windows1252)!;
    }

    /// <summary>The number of bytes at the end that are the beginning of a character.</summary>
    private static int CutOff(ReadOnlySpan<byte> utf8)
    {
        for (var length = 1; length <= Math.Min(3, utf8.Length); length++)
        {
            var one = utf8[^length];
            if (one >= 0xC0)
            {
                return
                    (
                        one >= 0xF0 ? 4
                        : one >= 0xE0 ? 3
                        : 2
                    ) > length
                    ? length
                    : 0;
            }

            if (one < 0x80)
            {
                return 0;
            }
        }

        return 0;
    }

    [GeneratedRegex("""\sencoding\s*=\s*["'](?<label>[A-Za-z0-9._:-]+)["']""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex XmlEncoding();

    [GeneratedRegex(
        """charset\s*=\s*["']?(?<label>[^\s"';]+)""",
        RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex ContentCharset();
}
