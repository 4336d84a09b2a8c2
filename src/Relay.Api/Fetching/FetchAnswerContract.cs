using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.OpenApi;
using Relay.Application.Fetching;
using Relay.Domain.Fetching;

namespace Relay.Api.Fetching;

/// <summary>A page.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Status">The status of the site's answer. A 404 of the site is an answer, too.</param>
/// <param name="FinalUrl">The address of the page after all redirects.</param>
/// <param name="Truncated">Whether the page has more content than this reply.</param>
/// <param name="Html">The content, with <c>format: html</c>.</param>
/// <param name="Text">The content, with <c>format: text</c>.</param>
/// <param name="Markdown">The content, with <c>format: markdown</c>.</param>
/// <param name="ContentType">The type of the page, as the site gives it.</param>
/// <param name="Charset">The encoding in which the relay read the page. Null for an empty page and for a PDF.</param>
/// <param name="Title">The title of the page.</param>
/// <param name="Description">The description that the page has of itself.</param>
/// <param name="Language">The language of the page.</param>
/// <param name="Canonical">The canonical URL of the page.</param>
/// <param name="JsonLd">The JSON-LD of the whole page. A block that is not valid JSON is a string.</param>
/// <param name="JsonLdOmitted">Number of JSON-LD blocks beyond 1 MB, which are left out. Absent when no block is left out.</param>
/// <param name="Pages">Number of pages of a PDF, by its own count. The relay reads the first 2,000. Absent for other documents.</param>
/// <param name="OpenGraph">The Open Graph properties of the page. The first of several properties with one name counts.</param>
/// <param name="NeedsJavascript">
/// Whether the page seems to show its content only after its scripts have run. The relay runs no script.
/// </param>
/// <param name="NeedsJavascriptReason">
/// Why. <c>noscript</c>: the page says so. <c>empty_root</c>: the root of an application is empty. <c>no_text</c>: the page has scripts and
/// no text. Absent for other pages.
/// </param>
/// <param name="Data">JSON that such a page has for its scripts, up to 1 MB. Absent for other pages.</param>
/// <param name="Redirects">
/// The redirects that the relay followed, in order. A page that refreshes itself within a second counts as a redirect.
/// </param>
/// <param name="RefreshUrl">The address to which the page sends a browser after more than a second. Absent for other pages.</param>
/// <param name="TotalChars">Length of the content, in Unicode characters. Null when the relay did not read the whole page.</param>
/// <param name="NextOffset">The <c>offset</c> of the next reply. Null at the end.</param>
/// <param name="Bytes">Bytes of the page that the relay read, uncompressed.</param>
/// <param name="DurationMs">Milliseconds from the arrival of the request to its answer.</param>
[Keywords(
    """
        {"oneOf":[
          {"title":"html","required":["html"],"properties":{"text":{"not":{}},"markdown":{"not":{}}}},
          {"title":"text","required":["text"],"properties":{"html":{"not":{}},"markdown":{"not":{}}}},
          {"title":"markdown","required":["markdown"],"properties":{"html":{"not":{}},"text":{"not":{}}}}]}
        """
)]
internal sealed record FetchAnswerContract(
    [property: Values(true)] bool Ok,
    [property: Range(100, 599)] int Status,
    string FinalUrl,
    bool Truncated,
    [property: JsonConverter(typeof(Utf8TextConverter)), Keywords("""{"type":"string"}""", Alone = true)] ReadOnlyMemory<byte>? Html,
    [property: JsonConverter(typeof(Utf8TextConverter)), Keywords("""{"type":"string"}""", Alone = true)] ReadOnlyMemory<byte>? Text,
    [property: JsonConverter(typeof(Utf8TextConverter)), Keywords("""{"type":"string"}""", Alone = true)] ReadOnlyMemory<byte>? Markdown,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? ContentType,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Charset,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Title,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Description,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Language,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Canonical,
    IReadOnlyList<JsonElement> JsonLd,
    [property: Range(1, int.MaxValue)] int? JsonLdOmitted,
    [property: Range(1, int.MaxValue)] int? Pages,
    IReadOnlyList<OpenGraphProperty> OpenGraph,
    bool NeedsJavascript,
    [property: Values("noscript", "empty_root", "no_text")] string? NeedsJavascriptReason,
    IReadOnlyList<PageData>? Data,
    IReadOnlyList<PageRedirect> Redirects,
    string? RefreshUrl,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? TotalChars,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] long? NextOffset,
    long Bytes,
    long DurationMs
)
{
    public static FetchAnswerContract Of(FetchedPage page, PageFormat format, TimeSpan duration)
    {
        var (reply, content, metadata) = (page.Reply, page.Page, page.Page.Metadata);
        ReadOnlyMemory<byte>? In(PageFormat wanted) => format == wanted ? content.Content : (ReadOnlyMemory<byte>?)null;
        return new FetchAnswerContract(
            true,
            reply.Status,
            reply.Document.Url.AbsoluteUri,
            content.IsTruncated,
            In(PageFormat.Html),
            In(PageFormat.Text),
            In(PageFormat.Markdown),
            reply.ContentType,
            content.Charset,
            metadata.Title,
            metadata.Description,
            metadata.Language,
            metadata.Canonical,
            metadata.JsonLd,
            metadata.JsonLdOmitted > 0 ? metadata.JsonLdOmitted : null,
            content.Pages,
            [.. metadata.OpenGraph.Select(property => new OpenGraphProperty(property.Key, property.Value))],
            content.NeedsScripts is not null,
            content.NeedsScripts is { } need ? NameOf(need) : null,
            content.NeedsScripts is null ? null : [.. content.Data.Select(data => new PageData(data.Key, data.Value))],
            [.. reply.Redirects.Select(redirect => new PageRedirect(redirect.Url.AbsoluteUri, redirect.Status))],
            reply.RefreshUrl?.AbsoluteUri,
            content.TotalChars,
            content.NextOffset,
            reply.Document.Body.Length,
            (long)duration.TotalMilliseconds
        );
    }

    private static string NameOf(ScriptNeed need) =>
        need switch
        {
            ScriptNeed.Noscript => "noscript",
            ScriptNeed.EmptyRoot => "empty_root",
            ScriptNeed.NoText => "no_text",
            _ => throw new ArgumentOutOfRangeException(nameof(need), need, "Not a reason."),
        };
}

/// <summary>An Open Graph property.</summary>
/// <param name="Name">The name after <c>og:</c>.</param>
/// <param name="Content">The value, as the page has it.</param>
internal sealed record OpenGraphProperty(string Name, string Content);

/// <summary>JSON that a page has for its scripts.</summary>
/// <param name="Id">The id of its script element, or a number.</param>
/// <param name="Content">The JSON. A text that is not valid JSON is a string.</param>
internal sealed record PageData(string Id, JsonElement Content);

/// <summary>A redirect that the relay followed.</summary>
/// <param name="Url">The address that redirected.</param>
/// <param name="Status">The status of the redirect. A page that refreshes itself has its own status.</param>
internal sealed record PageRedirect(string Url, [property: Range(200, 599)] int Status);
