using System.Buffers;
using System.Globalization;
using System.Text;

namespace Relay.Infrastructure.Html;

/// <summary>
/// Makes a page's links absolute, in a form that ends no Markdown link early. All links of a page together cost at most a multiple of the
/// page. Otherwise a long base would stand before each of many short links.
/// </summary>
internal sealed class LinkResolver(Uri baseUrl, long maxCharacters)
{
    private const string Mail = "mailto:";
    private static readonly SearchValues<byte> MailLetters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.-_+,;:?&=%/~"u8
    );

    private readonly int _baseLength = baseUrl.AbsoluteUri.Length;
    private long _left = maxCharacters;
    private string? _lastLink;
    private string? _lastUrl;

    /// <summary>Whether links were left out because all together would cost too much.</summary>
    public bool IsCut { get; private set; }

    /// <summary>The URL of a link; null for a link that leads neither to a web page nor to a mail address.</summary>
    public string? Resolve(string link)
    {
        if (string.Equals(link, _lastLink, StringComparison.Ordinal))
        {
            return _lastUrl;
        }

        if (_left < 0)
        {
            IsCut = true;
            return null;
        }

        _left -= _baseLength + link.Length;
        (_lastLink, _lastUrl) = (link, Read(link));
        return _lastUrl;
    }

    private string? Read(string link)
    {
        var text = link.Trim();
        return text.StartsWith(Mail, StringComparison.OrdinalIgnoreCase)
            ? Mail + Encode(text[Mail.Length..])
            : PageMetadataReader
                .ToWebUrl(baseUrl, text)
                ?.AbsoluteUri.Replace("(", "%28", StringComparison.Ordinal)
                .Replace(")", "%29", StringComparison.Ordinal);
    }

    private static string Encode(string address)
    {
        var text = new StringBuilder();
        foreach (var one in Encoding.UTF8.GetBytes(address))
        {
            _ = MailLetters.Contains(one) ? text.Append((char)one) : text.Append(CultureInfo.InvariantCulture, $"%{one:X2}");
        }

        return text.ToString();
    }
}
