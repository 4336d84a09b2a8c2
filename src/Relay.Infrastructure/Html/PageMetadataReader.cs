using System.Text;
using System.Text.Json;
using Relay.Domain.Fetching;

namespace Relay.Infrastructure.Html;

/// <summary>A page's metadata, and the base URL of its links: its <c>base</c> element's, or its own.</summary>
internal sealed record PageHead(PageMetadata Metadata, Uri BaseUrl);

/// <summary>Reads the metadata of a whole page, in one pass.</summary>
internal static class PageMetadataReader
{
    private const int MaxText = 1000;
    private const int TokensBetweenChecks = 1024;
    private const int MaxOpenGraph = 30;
    private const int MaxOpenGraphName = 50;

    /// <summary>Most characters of a URL. Longer ones lead nowhere, and a long base stands before each of a page's links.</summary>
    private const int MaxUrl = 4096;
    private const int MaxJsonLdBytes = 1_000_000;

    public static PageHead Read(ReadOnlySpan<byte> html, Uri url, CancellationToken cancellationToken)
    {
        var found = new Found();
        var tokens = new HtmlTokenizer(html);
        for (var count = 1; tokens.Read(); count++)
        {
            if (count % TokensBetweenChecks == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            if (tokens.Kind != HtmlTokenKind.StartTag)
            {
                continue;
            }

            switch (tokens.Tag)
            {
                case HtmlTag.Html:
                    found.Language ??= HtmlAttributes.Find(tokens.Attributes, "lang"u8);
                    break;
                case HtmlTag.Title when !tokens.IsForeign && tokens.ForeignDepth == 0:
                    found.Title ??= ReadText(ref tokens);
                    break;
                case HtmlTag.Base:
                    found.Base ??= HtmlAttributes.Find(tokens.Attributes, "href"u8);
                    break;
                case HtmlTag.Meta:
                    ReadMeta(tokens.Attributes, found);
                    break;
                case HtmlTag.Link
                    when HtmlAttributes.Find(tokens.Attributes, "rel"u8) is { } relation
                        && relation.Split((char[]?)null).Contains("canonical", StringComparer.OrdinalIgnoreCase):
                    found.Canonical ??= HtmlAttributes.Find(tokens.Attributes, "href"u8);
                    break;
                case HtmlTag.Script when HtmlStripper.IsJsonLd(tokens.Attributes):
                    ReadJsonLd(ref tokens, found);
                    break;
            }
        }

        var baseUrl = ToWebUrl(url, found.Base) ?? url;
        return new PageHead(
            new PageMetadata(
                Tidy(found.Title) ?? found.OpenGraph.GetValueOrDefault("title"),
                Tidy(found.Description) ?? found.OpenGraph.GetValueOrDefault("description"),
                Tidy(found.Language) ?? Tidy(found.ContentLanguage),
                ToWebUrl(baseUrl, found.Canonical)?.AbsoluteUri,
                found.JsonLd,
                found.JsonLdOmitted
            )
            {
                OpenGraph = found.OpenGraph,
            },
            baseUrl
        );
    }

    /// <summary>A link's absolute URL; null without a link, for one that is neither http nor https, and for one that is too long.</summary>
    public static Uri? ToWebUrl(Uri baseUrl, string? link) =>
        link is { Length: <= MaxUrl }
        && Uri.TryCreate(baseUrl, link.Trim(), out var url)
        && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
        && url.AbsoluteUri.Length <= MaxUrl
            ? url
            : null;

    private static string? ReadText(ref HtmlTokenizer tokens) =>
        tokens.Read() && tokens.Kind == HtmlTokenKind.Text ? CharacterReferences.Decode(tokens.Raw, inAttribute: false) : null;

    private static void ReadMeta(HtmlAttributes attributes, Found found)
    {
        if (HtmlAttributes.Find(attributes, "content"u8) is not { } content)
        {
            return;
        }

        var name =
            HtmlAttributes.Find(attributes, "name"u8)
            ?? HtmlAttributes.Find(attributes, "property"u8)
            ?? HtmlAttributes.Find(attributes, "http-equiv"u8);
        switch (name?.Trim().ToLowerInvariant())
        {
            case "description":
                found.Description ??= content;
                break;
            case { Length: > 3 and <= MaxOpenGraphName } property when property.StartsWith("og:", StringComparison.Ordinal):
                if (found.OpenGraph.Count < MaxOpenGraph && Tidy(content) is { } tidy)
                {
                    found.OpenGraph.TryAdd(property[3..], tidy);
                }

                break;
            case "content-language":
                found.ContentLanguage ??= content;
                break;
        }
    }

    private static void ReadJsonLd(ref HtmlTokenizer tokens, Found found)
    {
        if (tokens.IsForeign || !tokens.Read() || tokens.Kind != HtmlTokenKind.Text)
        {
            return;
        }

        if (found.JsonLdBytes + tokens.Raw.Length > MaxJsonLdBytes)
        {
            found.JsonLdOmitted++;
            return;
        }

        found.JsonLdBytes += tokens.Raw.Length;
        found.JsonLd.Add(ParseJson(tokens.Raw));
    }

    /// <summary>Parses JSON. Invalid JSON is kept as text, because a person or a model may still read it.</summary>
    internal static JsonElement ParseJson(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(
                utf8,
                new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
            );
            var element = JsonElement.ParseValue(ref reader);
            if (!reader.Read())
            {
                // Half of an escaped surrogate pair is found only in writing, after the answer has begun.
                JsonSerializer.Serialize(Stream.Null, element);
                return element;
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Sites write these blocks by hand, and search engines forgive a lot.
        }

        return JsonSerializer.SerializeToElement(Encoding.UTF8.GetString(utf8).Trim());
    }

    private static string? Tidy(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var words = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (words.Length > MaxText)
        {
            words = words[..(char.IsHighSurrogate(words[MaxText - 1]) ? MaxText - 1 : MaxText)];
        }

        return words.Length == 0 ? null : words;
    }

    private sealed class Found
    {
        public string? Title { get; set; }

        public string? Description { get; set; }

        public Dictionary<string, string> OpenGraph { get; } = new(StringComparer.Ordinal);

        public string? Language { get; set; }

        public string? ContentLanguage { get; set; }

        public string? Canonical { get; set; }

        public string? Base { get; set; }

        public List<JsonElement> JsonLd { get; } = [];

        public int JsonLdBytes { get; set; }

        public int JsonLdOmitted { get; set; }
    }
}
