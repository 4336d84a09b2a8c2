using System.Text.Json;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Api.Fetching;

/// <summary>The body of <c>POST /v1/fetch</c>.</summary>
/// <param name="Url">Required: the page.</param>
/// <param name="MaxBytes">Most content of the reply in UTF-8 bytes; 500,000 when missing, at most 2,000,000.</param>
/// <param name="Strip">Whether HTML goes without scripts, styles and their like; true when missing.</param>
/// <param name="Format"><c>html</c> (default), <c>text</c> or <c>markdown</c>.</param>
/// <param name="Offset">Where the reply begins in the content: the <c>next_offset</c> of the reply before.</param>
/// <param name="AcceptLanguage">The page's languages, as in the header of that name.</param>
internal sealed record FetchBody(string? Url, long? MaxBytes, bool? Strip, string? Format, long? Offset, string? AcceptLanguage)
{
    /// <summary>The body as the domain sees it.</summary>
    public Result<FetchRequest> Parse() => FetchRequest.Create(Url, MaxBytes, Strip, Format, Offset, AcceptLanguage);
}

/// <summary>
/// The answer of <c>POST /v1/fetch</c>: the content is in <c>html</c>, <c>text</c> or <c>markdown</c>, as it was asked for.
/// Written by hand, for the content is UTF-8 already and may be two megabytes of it.
/// </summary>
internal static class FetchAnswer
{
    /// <summary>Writes it.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="page">What to answer.</param>
    /// <param name="format">The form of the content.</param>
    /// <param name="duration">How long it took.</param>
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

    private static string NameOf(PageFormat format) => format switch
    {
        PageFormat.Html => "html",
        PageFormat.Text => "text",
        PageFormat.Markdown => "markdown",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format."),
    };

    private static string NameOf(ScriptNeed need) => need switch
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
