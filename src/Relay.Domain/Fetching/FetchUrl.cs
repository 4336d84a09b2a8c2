using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace Relay.Domain.Fetching;

/// <summary>
/// A URL whose text may be fetched. The text is judged as it was sent, before <see cref="System.Uri"/> sees it: that class trims, maps
/// and repairs a text in its own way, and the next program in another. The addresses of the URL's name are judged later.
/// </summary>
public sealed class FetchUrl
{
    /// <summary>Longest URL, in UTF-16 code units.</summary>
    public const int MaxLength = 8192;

    private FetchUrl(Uri uri, string host, IPAddress? address) => (Uri, Host, Address) = (uri, host, address);

    /// <summary>The URL, its host in ASCII, without a fragment.</summary>
    public Uri Uri { get; }

    /// <summary>The host: a name in lower case and ASCII without a dot at its end, or an address, IPv6 in brackets.</summary>
    public string Host { get; }

    /// <summary>The port, 1 to 65535.</summary>
    public int Port => Uri.Port;

    /// <summary>The address, where the host is one.</summary>
    public IPAddress? Address { get; }

    /// <summary>Scheme, host and port. Requests with the same origin share connections.</summary>
    public string Origin => $"{Uri.Scheme}://{Host}:{Port}";

    /// <summary>The origin only: the URL's query is the caller's.</summary>
    public override string ToString() => Origin;

    /// <summary>Reads a URL.</summary>
    /// <param name="text">The text as it was sent.</param>
    /// <param name="rules">The operator's rules.</param>
    /// <param name="refusal">The reason, when null is returned.</param>
    public static FetchUrl? Parse(string? text, FetchRules rules, out UrlRefusal refusal)
    {
        refusal = UrlRefusal.InvalidUrl;
        if (text is null or { Length: 0 or > MaxLength } || !IsPrintable(text) || ReadScheme(text) is not { } scheme)
        {
            return null;
        }

        if (scheme is not ("http" or "https"))
        {
            refusal = UrlRefusal.SchemeForbidden;
            return null;
        }

        var rest = text.AsSpan(scheme.Length + 1);
        if (!rest.StartsWith("//", StringComparison.Ordinal))
        {
            return null;
        }

        rest = rest[2..];
        var query = rest.IndexOfAny('?', '#');
        if ((query < 0 ? rest : rest[..query]).Contains('\\'))
        {
            return null;
        }

        var end = rest.IndexOfAny('/', '?', '#');
        var authority = end < 0 ? rest : rest[..end];
        if (authority.Contains('@'))
        {
            refusal = UrlRefusal.UserinfoForbidden;
            return null;
        }

        if (ReadAuthority(authority, scheme) is not var (host, address, port))
        {
            return null;
        }

        if (FindRefusal(host, address, port, rules) is { } found)
        {
            refusal = found;
            return null;
        }

        var path = end < 0 ? default : rest[end..];
        var fragment = path.IndexOf('#');
        return Make($"{scheme}://{host}:{port}{(fragment < 0 ? path : path[..fragment])}", host, address, port);
    }

    /// <summary>The target of a redirect, judged like a URL that was sent.</summary>
    /// <param name="location">The <c>Location</c> header.</param>
    /// <param name="rules">The operator's rules.</param>
    /// <param name="refusal">The reason, when null is returned.</param>
    public FetchUrl? Resolve(string location, FetchRules rules, out UrlRefusal refusal)
    {
        refusal = UrlRefusal.InvalidUrl;
        if (location.Length > MaxLength || !IsPrintable(location))
        {
            return null;
        }

        if (location.StartsWith("//", StringComparison.Ordinal))
        {
            return Parse($"{Uri.Scheme}:{location}", rules, out refusal);
        }

        var beforeQuery = location.AsSpan()[..(location.AsSpan().IndexOfAny('?', '#') is var end and >= 0 ? end : location.Length)];
        var firstSlash = beforeQuery.IndexOf('/');
        if ((firstSlash < 0 ? beforeQuery : beforeQuery[..firstSlash]).Contains(':'))
        {
            return Parse(location, rules, out refusal);
        }

        // A path, a query or a fragment can't change the host, and is read once more to be sure.
        return beforeQuery.Contains('\\') || !Uri.TryCreate(Uri, location, out var target)
            ? null
            : Parse(target.GetComponents(UriComponents.HttpRequestUrl, UriFormat.UriEscaped), rules, out refusal);
    }

    /// <summary>Whether a text has no space, control, format, private or unassigned character and no half of a surrogate pair.</summary>
    private static bool IsPrintable(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text.AsSpan().IndexOfAnyExceptInRange('\u0021', '\u007E') < 0;
        }

        for (var index = 0; index < text.Length; )
        {
            if (
                !Rune.TryGetRuneAt(text, index, out var rune)
                || rune.Value is <= 0x20 or 0x7F or 0xFFFD
                || Rune.GetUnicodeCategory(rune)
                    is UnicodeCategory.Control
                        or UnicodeCategory.Format
                        or UnicodeCategory.SpaceSeparator
                        or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator
                        or UnicodeCategory.PrivateUse
                        or UnicodeCategory.OtherNotAssigned
                        or UnicodeCategory.Surrogate
            )
            {
                return false;
            }

            index += rune.Utf16SequenceLength;
        }

        return true;
    }

    private static string? ReadScheme(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && char.IsAsciiLetter(text[0]) && text.AsSpan(0, colon).IndexOfAnyExcept(SchemeLetters) < 0
            ? text[..colon].ToLowerInvariant()
            : null;
    }

    private static readonly SearchValues<char> SchemeLetters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."
    );

    private static readonly SearchValues<char> IPv6Letters = SearchValues.Create("0123456789abcdefABCDEF:.");

    private static (string Host, IPAddress? Address, int Port)? ReadAuthority(ReadOnlySpan<char> authority, string scheme)
    {
        var isLiteral = authority is ['[', ..];
        var hostEnd =
            isLiteral ? authority.IndexOf(']') + 1
            : authority.IndexOf(':') is var colon and >= 0 ? colon
            : authority.Length;
        if (hostEnd == 0 || ReadPort(authority[hostEnd..], scheme) is not { } port)
        {
            return null;
        }

        var host = authority[..hostEnd].ToString();
        if (isLiteral)
        {
            return ReadIPv6(host[1..^1]) is { } address ? ($"[{address}]", address, port) : null;
        }

        if (HostName.Read(host) is { } name)
        {
            return (name, null, port);
        }

        // Only the usual notation of an address is allowed. A private address is called private in every notation.
        return
            NumericHost.Parse(host.EndsWith('.') ? host[..^1] : host) is { } ip
            && (string.Equals(host, ip.ToString(), StringComparison.Ordinal) || !AddressTable.IsPublic(ip))
            ? (ip.ToString(), ip, port)
            : null;
    }

    private static int? ReadPort(ReadOnlySpan<char> text, string scheme)
    {
        if (text.Length == 0 || text is ":")
        {
            return scheme == "http" ? 80 : 443;
        }

        return
            text is [':', .. { Length: <= 5 } digits]
            && digits.IndexOfAnyExceptInRange('0', '9') < 0
            && int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture) is > 0 and <= ushort.MaxValue and var port
            ? port
            : null;
    }

    private static IPAddress? ReadIPv6(string text)
    {
        if (!text.Contains(':', StringComparison.Ordinal) || text.AsSpan().IndexOfAnyExcept(IPv6Letters) >= 0)
        {
            return null;
        }

        // An IPv4 address at its end must be in its usual notation.
        var last = text[(text.LastIndexOf(':') + 1)..];
        if (
            last.Contains('.', StringComparison.Ordinal)
            && (NumericHost.Parse(last) is not { } ip || !string.Equals(last, ip.ToString(), StringComparison.Ordinal))
        )
        {
            return null;
        }

        return IPAddress.TryParse(text, out var address) && address.GetAddressBytes().Length == 16 ? address : null;
    }

    private static UrlRefusal? FindRefusal(string host, IPAddress? address, int port, FetchRules rules)
    {
        if (rules.Allows(host, port))
        {
            return null;
        }

        // In this order, so that a private address is called private whatever its port.
        return address is not null && !AddressTable.IsPublic(address) ? UrlRefusal.TargetForbidden
            : (address is null && ReservedNames.Contains(host)) || rules.Denies(host) ? UrlRefusal.NameForbidden
            : !rules.Ports.Contains(port) ? UrlRefusal.PortForbidden
            : null;
    }

    /// <summary>The URL; null when the framework reads it in another way.</summary>
    private static FetchUrl? Make(string text, string host, IPAddress? address, int port) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && string.Equals(uri.Host, host, StringComparison.Ordinal)
        && uri.Port == port
        && uri.UserInfo.Length == 0
        && uri.Fragment.Length == 0
            ? new FetchUrl(uri, host, address)
            : null;
}
