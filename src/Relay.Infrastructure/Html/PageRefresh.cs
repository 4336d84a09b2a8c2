using System.Buffers;
using System.Globalization;

namespace Relay.Infrastructure.Html;

/// <summary>The target to which a page sends browsers by itself, as it is written. The delay is in seconds.</summary>
internal sealed record PageRefresh(double Delay, string Link, bool IsWithoutScripts)
{
    private const int HeadBytes = 64 * 1024;

    private static readonly SearchValues<char> OfNumbers = SearchValues.Create("0123456789.");

    /// <summary>Reads a value (WHATWG HTML, "shared declarative refresh steps"); null where it names no other page.</summary>
    public static PageRefresh? Read(string value)
    {
        var text = value.AsSpan().TrimStart();
        var digits = text.IndexOfAnyExcept(OfNumbers) is var end and >= 0 ? end : text.Length;
        if (
            digits == 0
            || !double.TryParse(text[..digits].TrimEnd('.'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var delay)
        )
        {
            return null;
        }

        var rest = text[digits..];
        var target = rest.TrimStart(" \t\r\n\f;,");
        if (rest.Length == target.Length)
        {
            return null;
        }

        if (target.StartsWith("url", StringComparison.OrdinalIgnoreCase) && target[3..].TrimStart() is ['=', .. var behind])
        {
            target = behind.TrimStart();
        }

        if (target is ['"' or '\'', ..])
        {
            var close = target[1..].IndexOf(target[0]);
            target = close < 0 ? target[1..] : target.Slice(1, close);
        }

        return target.Trim().Length == 0 ? null : new PageRefresh(delay, target.Trim().ToString(), false);
    }

    /// <summary>The first refresh in a page's head. The page is in an encoding that keeps ASCII.</summary>
    public static PageRefresh? Find(ReadOnlySpan<byte> html)
    {
        var tokens = new HtmlTokenizer(html[..Math.Min(html.Length, HeadBytes)]);
        var isNoscript = false;
        while (tokens.Read() && !(tokens.Kind == HtmlTokenKind.StartTag && tokens.Tag == HtmlTag.Body))
        {
            if (tokens.Tag == HtmlTag.Noscript && tokens.Kind is HtmlTokenKind.StartTag or HtmlTokenKind.EndTag)
            {
                isNoscript = tokens.Kind == HtmlTokenKind.StartTag;
            }
            else if (
                tokens.Kind == HtmlTokenKind.StartTag
                && tokens.Tag == HtmlTag.Meta
                && string.Equals(
                    HtmlAttributes.Find(tokens.Attributes, "http-equiv"u8)?.Trim(),
                    "refresh",
                    StringComparison.OrdinalIgnoreCase
                )
                && HtmlAttributes.Find(tokens.Attributes, "content"u8) is { } content
                && Read(content) is { } found
            )
            {
                return found with { IsWithoutScripts = isNoscript };
            }
        }

        return null;
    }
}
