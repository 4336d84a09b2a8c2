using System.Buffers;

namespace Relay.Domain.Fetching;

/// <summary>A caller's request for a page in one form. Its URL is text until it is judged.</summary>
public sealed class FetchRequest
{
    /// <summary>The content of a reply by default, in bytes.</summary>
    public const int DefaultMaxBytes = 500_000;

    /// <summary>Most content of a reply, in bytes.</summary>
    public const int MaxMaxBytes = 2_000_000;

    private const int MaxLanguageLength = 200;

    private static readonly SearchValues<char> LanguageLetters = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-,;=.* "
    );

    private FetchRequest(string url) => Url = url;

    /// <summary>The URL as it was sent.</summary>
    public string Url { get; }

    /// <summary>The content's form.</summary>
    public PageFormat Format { get; private init; }

    /// <summary>Whether HTML is stripped of everything that only a browser needs.</summary>
    public bool Strip { get; private init; }

    /// <summary>Most content of the reply, in UTF-8 bytes.</summary>
    public int MaxBytes { get; private init; }

    /// <summary>The place in the content at which the reply begins, in Unicode code points.</summary>
    public long Offset { get; private init; }

    /// <summary>The languages that the caller wants, as in <c>Accept-Language</c>; null for the relay's default.</summary>
    public string? AcceptLanguage { get; private init; }

    /// <summary>Checks all fields. Whether the URL may be fetched is judged later.</summary>
    public static Result<FetchRequest> Create(
        string? url,
        long? maxBytes,
        bool? strip,
        string? format,
        long? offset,
        string? acceptLanguage
    )
    {
        PageFormat? known = format switch
        {
            null or "html" => PageFormat.Html,
            "text" => PageFormat.Text,
            "markdown" => PageFormat.Markdown,
            _ => null,
        };
        return url is null ? RelayError.Invalid("url", "'url' is missing: the page to fetch.")
            : known is not { } chosen ? RelayError.Invalid("format", "'format' takes \"html\", \"text\" or \"markdown\".")
            : maxBytes is < 1 or > MaxMaxBytes
                ? RelayError.Invalid("max_bytes", $"'max_bytes' takes a whole number from 1 to {MaxMaxBytes}.")
            : offset is < 0 ? RelayError.Invalid("offset", "'offset' takes 0 or more: the 'next_offset' of the reply before.")
            : acceptLanguage is not null && !IsLanguages(acceptLanguage)
                ? RelayError.Invalid("accept_language", "'accept_language' takes a list of languages such as \"de, en;q=0.8\".")
            : new FetchRequest(url)
            {
                Format = chosen,
                Strip = strip ?? true,
                MaxBytes = (int)(maxBytes ?? DefaultMaxBytes),
                Offset = offset ?? 0,
                AcceptLanguage = acceptLanguage,
            };
    }

    /// <summary>Hides the URL: its query is the caller's.</summary>
    public override string ToString() => "***";

    private static bool IsLanguages(string text) =>
        text.Length is > 0 and <= MaxLanguageLength && text.AsSpan().IndexOfAnyExcept(LanguageLetters) < 0 && text.Trim().Length > 0;
}
