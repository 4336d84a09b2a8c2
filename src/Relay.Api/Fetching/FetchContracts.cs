using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Relay.Api.OpenApi;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Api.Fetching;

/// <summary>A page to fetch.</summary>
/// <param name="Url">
/// The page: http or https, a public host, ports 80 and 443 unless the operator allows others (<c>FETCH_PORTS</c>). A URL whose text alone
/// is forbidden gets 400 <c>url_rejected</c>.
/// </param>
/// <param name="MaxBytes">Most content of one reply, in UTF-8 bytes.</param>
/// <param name="Strip">Whether the relay removes scripts, styles, SVG, templates and comments from HTML. JSON-LD stays.</param>
/// <param name="Format"><c>html</c>, or the readable part as <c>text</c> or <c>markdown</c> with absolute links, tables and code.</param>
/// <param name="Offset">Begin of the reply, in Unicode characters: the <c>next_offset</c> of the reply before.</param>
/// <param name="AcceptLanguage">The languages to ask the site for, as in the header of that name. When missing: English.</param>
[RequestContract]
internal sealed record FetchBody(
    [property: Required, MaxLength(8192)] string? Url,
    [property: Range(1, 2_000_000), DefaultValue(500_000L)] long? MaxBytes,
    [property: DefaultValue(true)] bool? Strip,
    [property: Values("html", "text", "markdown"), DefaultValue("html")] string? Format,
    [property: Keywords("""{"minimum":0}"""), DefaultValue(0L)] long? Offset,
    [property: StringLength(200, MinimumLength = 1), RegularExpression("^[A-Za-z0-9,;=.* -]*[A-Za-z0-9,;=.*-][A-Za-z0-9,;=.* -]*$")]
        string? AcceptLanguage
)
{
    public Result<FetchRequest> Parse() => FetchRequest.Create(Url, MaxBytes, Strip, Format, Offset, AcceptLanguage);
}

/// <summary>
/// The answer of <c>POST /v1/fetch</c>. The content is in <c>html</c>, <c>text</c> or <c>markdown</c>, as requested. It is written by
/// hand, because the content is UTF-8 already and may have two megabytes.
/// </summary>
internal static class FetchAnswer
{
    public static void Write(Utf8JsonWriter writer, FetchedPage page, PageFormat format, TimeSpan duration)
    {
        var (reply, content) = (page.Reply, page.Page);
        writer.WriteStartObject();
        writer.WriteBoolean("ok", true);
        writer.WriteNumber("status", reply.Status);
        writer.WriteString("final_url", reply.Document.Url.AbsoluteUri);
        writer.WriteBoolean("truncated", content.IsTruncated);
        writer.WriteString(NameOf(format), content.Content.Span);
        writer.WriteString("content_type", reply.ContentType);
        writer.WriteString("charset", content.Charset);
        WriteMetadata(writer, content.Metadata);
        if (content.Pages is { } pages)
        {
            writer.WriteNumber("pages", pages);
        }

        WriteOpenGraph(writer, content.Metadata.OpenGraph);
        writer.WriteBoolean("needs_javascript", content.NeedsScripts is not null);
        if (content.NeedsScripts is { } need)
        {
            writer.WriteString("needs_javascript_reason", NameOf(need));
            WriteData(writer, content.Data);
        }

        WriteRedirects(writer, reply.Redirects);
        if (reply.RefreshUrl is { } refresh)
        {
            writer.WriteString("refresh_url", refresh.AbsoluteUri);
        }

        WriteNumber(writer, "total_chars", content.TotalChars);
        WriteNumber(writer, "next_offset", content.NextOffset);
        writer.WriteNumber("bytes", reply.Document.Body.Length);
        writer.WriteNumber("duration_ms", (long)duration.TotalMilliseconds);
        writer.WriteEndObject();
    }

    private static string NameOf(PageFormat format) =>
        format switch
        {
            PageFormat.Html => "html",
            PageFormat.Text => "text",
            PageFormat.Markdown => "markdown",
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format."),
        };

    private static string NameOf(ScriptNeed need) =>
        need switch
        {
            ScriptNeed.Noscript => "noscript",
            ScriptNeed.EmptyRoot => "empty_root",
            ScriptNeed.NoText => "no_text",
            _ => throw new ArgumentOutOfRangeException(nameof(need), need, "Not a reason."),
        };

    private static void WriteOpenGraph(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> properties)
    {
        writer.WriteStartArray("open_graph");
        foreach (var (name, value) in properties)
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WriteString("content", value);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteData(Utf8JsonWriter writer, IReadOnlyDictionary<string, JsonElement> data)
    {
        writer.WriteStartArray("data");
        foreach (var (id, value) in data)
        {
            writer.WriteStartObject();
            writer.WriteString("id", id);
            writer.WritePropertyName("content");
            value.WriteTo(writer);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteMetadata(Utf8JsonWriter writer, PageMetadata metadata)
    {
        writer.WriteString("title", metadata.Title);
        writer.WriteString("description", metadata.Description);
        writer.WriteString("language", metadata.Language);
        writer.WriteString("canonical", metadata.Canonical);
        writer.WriteStartArray("json_ld");
        foreach (var block in metadata.JsonLd)
        {
            block.WriteTo(writer);
        }

        writer.WriteEndArray();
        if (metadata.JsonLdOmitted > 0)
        {
            writer.WriteNumber("json_ld_omitted", metadata.JsonLdOmitted);
        }
    }

    private static void WriteRedirects(Utf8JsonWriter writer, IReadOnlyList<FollowedRedirect> redirects)
    {
        writer.WriteStartArray("redirects");
        foreach (var redirect in redirects)
        {
            writer.WriteStartObject();
            writer.WriteString("url", redirect.Url.AbsoluteUri);
            writer.WriteNumber("status", redirect.Status);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteNumber(Utf8JsonWriter writer, string name, long? number)
    {
        if (number is { } known)
        {
            writer.WriteNumber(name, known);
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
