using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

/// <summary>
/// The cases of <c>tests/Corpus/page-cases.jsonl</c>, from a socket to the page: the guard lets through this one address only.
/// </summary>
public sealed class PageCaseTests
{
    private static readonly Dictionary<string, JsonElement> Cases = File.ReadLines(Checkout.PathOf("tests", "Corpus", "page-cases.jsonl"))
        .Select(line => JsonElement.Parse(line))
        .ToDictionary(row => row.GetProperty("id").GetString()!, StringComparer.Ordinal);

    public static TheoryData<string> Markup =>
        [.. Cases.Where(pair => pair.Value.TryGetProperty("html", out _) && pair.Key != "meta-refresh").Select(pair => pair.Key)];

    public static TheoryData<string> Wire =>
        [
            .. Cases
                .Where(pair =>
                    pair.Value.TryGetProperty("kind", out _) && pair.Key is not ("pdf-as-html" or "charset-late" or "cookie-loop")
                )
                .Select(pair => pair.Key),
        ];

    [Theory]
    [MemberData(nameof(Markup))]
    public async Task A_page_says_what_a_person_sees(string id)
    {
        var row = Cases[id];
        var format = row.GetProperty("format").GetString() == "text" ? PageFormat.Text : PageFormat.Markdown;
        using var site = new RawSite(_ =>
            RawSite.Answer(
                "200 OK",
                "Content-Type: text/html; charset=utf-8\r\n",
                Encoding.UTF8.GetBytes(row.GetProperty("html").GetString()!)
            )
        );

        var (_, page) = await FetchAsync(site, format);

        var text = Encoding.UTF8.GetString(page.Content.Span);
        foreach (var part in row.GetProperty("must").EnumerateArray())
        {
            text.Should().Contain(part.GetString());
        }

        foreach (var part in row.GetProperty("must_not").EnumerateArray())
        {
            text.Should().NotContain(part.GetString());
        }

        if (row.TryGetProperty("answer", out var answer))
        {
            (page.NeedsScripts is not null).Should().Be(answer.GetProperty("needs_javascript").GetBoolean());
        }
    }

    [Theory]
    [MemberData(nameof(Wire))]
    public async Task Answers_of_real_sites_are_read(string id)
    {
        var row = Cases[id];
        var (headers, body) = (HeadersOf(row), row.GetProperty("body").GetString()!);
        var plain = Encoding.UTF8.GetBytes(
            id == "gzip-no-trailer"
                ? "<!doctype html><title>T</title><h1>Words</h1><p>plain page</p>"
                : body.Replace("gzip of: ", string.Empty, StringComparison.Ordinal)
        );
        if (id == "gzip-length-of-plain")
        {
            // So long that compression makes it shorter.
            plain = [.. plain, .. Encoding.UTF8.GetBytes(new string(' ', 500))];
        }

        var sent = body.StartsWith("gzip of", StringComparison.Ordinal) ? Gzip(plain) : plain;
        sent = id == "gzip-no-trailer" ? sent[..^8] : sent;
        headers = headers.Replace(
            "length before compression, then close",
            plain.Length.ToString(System.Globalization.CultureInfo.InvariantCulture),
            StringComparison.Ordinal
        );
        using var site = new RawSite(_ => RawSite.Answer("200 OK", headers, sent));

        var (reply, page) = await FetchAsync(site, PageFormat.Markdown);

        var isText = row.GetProperty("right").GetString()!.Contains("text", StringComparison.Ordinal);
        reply.Document.Kind.Should().Be(isText ? DocumentKind.Text : DocumentKind.Html);
        Encoding.UTF8.GetString(page.Content.Span).Should().Be(isText ? "a: 1\n" : "# Words\n\nplain page");
        page.IsTruncated.Should().Be(id == "gzip-no-trailer");
    }

    [Fact]
    public async Task A_charset_counts_wherever_in_the_head_it_is_named()
    {
        var body = Encoding.Latin1.GetBytes(
            $"<html><head><script>{new string('x', 1500)}</script><meta "
                + $"charset=\"iso-8859-2\"></head><body><p>Za\u00BF\u00F3\u00B3\u00E6 g\u00EA\u00B6l\u00B1 ja\u00BC\u00F1</p>"
        );
        using var site = new RawSite(_ => RawSite.Answer("200 OK", "Content-Type: text/html\r\n", body));

        var (_, page) = await FetchAsync(site, PageFormat.Text);

        (page.Charset, Encoding.UTF8.GetString(page.Content.Span)).Should().Be(("iso-8859-2", "Zażółć gęślą jaźń"));
    }

    [Fact]
    public async Task A_cookie_is_given_back_within_one_fetch_and_never_after_it()
    {
        using var site = new RawSite(head =>
            head.Contains("Cookie: seen=1", StringComparison.Ordinal)
                ? RawSite.Answer("200 OK", "Content-Type: text/html\r\n", "<p>the page"u8.ToArray())
                : RawSite.Answer(
                    "302 Found",
                    "Location: /\r\nSet-Cookie: seen=1; Path=/\r\nSet-Cookie: bad\u0001=1; Domain=example.org\r\n",
                    []
                )
        );

        Encoding.UTF8.GetString((await FetchAsync(site, PageFormat.Text)).Page.Content.Span).Should().Be("the page");
        await FetchAsync(site, PageFormat.Text);

        site.Requests.Select(head => head.Contains("Cookie:", StringComparison.Ordinal)).Should().Equal(false, true, false, true);
    }

    [Theory]
    [InlineData("Refresh: 0;URL='/real'\r\n", "")]
    [InlineData("", "<meta http-equiv=\"refresh\" content=\"0;URL='/real'\">")]
    [InlineData("", "<meta http-equiv=Refresh content='1, /real'>")]
    public async Task A_refresh_within_a_second_is_a_redirect(string header, string html)
    {
        using var site = new RawSite(head =>
            head.StartsWith("GET /real", StringComparison.Ordinal)
                ? RawSite.Answer("200 OK", "Content-Type: text/html\r\n", "<p>the page"u8.ToArray())
                : RawSite.Answer("200 OK", "Content-Type: text/html\r\n" + header, Encoding.UTF8.GetBytes(html))
        );

        var (reply, page) = await FetchAsync(site, PageFormat.Text);

        Encoding.UTF8.GetString(page.Content.Span).Should().Be("the page");
        reply.Redirects.Should().ContainSingle().Which.Status.Should().Be(200);
        reply.Document.Url.AbsolutePath.Should().Be("/real");
    }

    [Theory]
    [InlineData("5;url=/real", "/real")]
    [InlineData("0;url=/", null)]
    [InlineData("0", null)]
    [InlineData("0;url=javascript:x()", null)]
    [InlineData("0;url=http://10.0.0.1/", null)]
    [InlineData("0;url=http://127.0.0.1:1/", null)]
    public async Task A_refresh_that_is_not_followed_leaves_the_page(string refresh, string? told)
    {
        using var site = new RawSite(_ =>
            RawSite.Answer("200 OK", $"Content-Type: text/html\r\nRefresh: {refresh}\r\n", "<p>here"u8.ToArray())
        );

        var (reply, page) = await FetchAsync(site, PageFormat.Text);

        Encoding.UTF8.GetString(page.Content.Span).Should().Be("here");
        reply.RefreshUrl?.AbsolutePath.Should().Be(told);
        site.Requests.Should().ContainSingle();
    }

    [Fact]
    public async Task Refreshes_are_counted_among_the_redirects()
    {
        var number = 0;
        using var site = new RawSite(_ =>
            RawSite.Answer("200 OK", $"Content-Type: text/html\r\nRefresh: 0;url=/{++number}\r\n", "<p>here"u8.ToArray())
        );

        var (reply, _) = await FetchAsync(site, PageFormat.Text);

        reply.Redirects.Should().HaveCount(PageFetcher.MaxRedirects);
        reply.RefreshUrl!.AbsolutePath.Should().Be("/6");
    }

    [Fact]
    public async Task Markdown_is_asked_for_where_it_is_wanted_and_stays_as_it_is()
    {
        using var site = new RawSite(_ => RawSite.Answer("200 OK", "Content-Type: text/markdown\r\n", "# A *b*"u8.ToArray()));

        Encoding.UTF8.GetString((await FetchAsync(site, PageFormat.Markdown)).Page.Content.Span).Should().Be("# A *b*");
        await FetchAsync(site, PageFormat.Html);

        site.Requests.Select(head => head.Contains("Accept: text/markdown", StringComparison.Ordinal)).Should().Equal(true, false);
    }

    [Theory]
    [InlineData("Content-Type: application/octet-stream\r\n", "...", ErrorCode.UnsupportedContentType)]
    [InlineData("Content-Type: image/png\r\n", "<p>a", ErrorCode.UnsupportedContentType)]
    [InlineData("Content-Type: text/html\r\nContent-Encoding: zstd\r\n", "x", ErrorCode.FetchFailed)]
    [InlineData("Content-Type: text/html\r\nContent-Encoding: gzip, gzip\r\n", "x", ErrorCode.FetchFailed)]
    [InlineData("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", "not gzip", ErrorCode.FetchFailed)]
    [InlineData("Content-Type: text/html\r\nContent-Length: 100\r\n", "cut", ErrorCode.FetchFailed)]
    public async Task Answers_that_are_not_pages_are_refused(string headers, string body, ErrorCode code)
    {
        using var site = new RawSite(_ => RawSite.Answer("200 OK", headers, Encoding.UTF8.GetBytes(body)));

        (await TryFetchAsync(site, PageFormat.Html)).Error!.Code.Should().Be(code);
    }

    [Theory]
    [InlineData("Content-Type: application/pdf\r\n", "", DocumentKind.Pdf)]
    [InlineData("Content-Type: text/html\r\n", "", DocumentKind.Pdf)]
    [InlineData("Content-Type: text/html\r\n", "\uFEFF\r\n", DocumentKind.Pdf)]
    [InlineData("Content-Type: application/octet-stream\r\n", "", DocumentKind.Pdf)]
    [InlineData("", "", DocumentKind.Pdf)]
    [InlineData("Content-Type: application/pdf\r\n", "X-Header: of a mail\n\u0001\n", DocumentKind.Pdf)]
    [InlineData("Content-Type: application/pdf\r\n", "<!doctype html><p>a page. {1,100 letters}", DocumentKind.Html)]
    [InlineData("Content-Type: text/plain\r\n", "A file begins with ", DocumentKind.Text)]
    [InlineData("Content-Type: text/html\r\n", "<p>A file begins with ", DocumentKind.Html)]
    public async Task A_PDF_is_one_by_its_bytes(string headers, string before, DocumentKind kind)
    {
        var body = before.Replace("{1,100 letters}", new string('x', 1100), StringComparison.Ordinal) + "%PDF-1.4\n1 0 obj";
        using var site = new RawSite(_ => RawSite.Answer("200 OK", headers, Encoding.UTF8.GetBytes(body)));

        (await TryFetchAsync(site, PageFormat.Text)).Value.Document.Kind.Should().Be(kind);
    }

    private static string HeadersOf(JsonElement row) =>
        row.GetProperty("headers") is { ValueKind: JsonValueKind.Array } list
            ? string.Concat(list.EnumerateArray().Select(pair => $"{pair[0].GetString()}: {pair[1].GetString()}\r\n"))
            : string.Concat(row.GetProperty("headers").EnumerateObject().Select(pair => $"{pair.Name}: {pair.Value.GetString()}\r\n"));

    private static byte[] Gzip(byte[] plain)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest))
        {
            gzip.Write(plain);
        }

        return output.ToArray();
    }

    private static async Task<(FetchReply Reply, Page Page)> FetchAsync(RawSite site, PageFormat format)
    {
        var reply = (await TryFetchAsync(site, format)).Value;
        return (
            reply,
            new PageReader().Read(reply.Document, new PageView(format, Strip: true, FetchRequest.MaxMaxBytes, 0), Waiting.Token).Value
        );
    }

    private static async Task<Result<FetchReply>> TryFetchAsync(RawSite site, PageFormat format)
    {
        var target = $"127.0.0.1:{site.Endpoint.Port}";
        var rules = new FetchRules(
            new HashSet<int> { site.Endpoint.Port },
            new HashSet<string>(StringComparer.Ordinal) { target },
            new HashSet<string>(StringComparer.Ordinal)
        );
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Options.Create(new FetchOptions()))
            .AddSingleton(new FetchPolicy(rules, new AddressPolicy(new HashSet<IPEndPoint> { site.Endpoint }, [], false)))
            .AddHttpFetching()
            .BuildServiceProvider();
        return await services
            .GetRequiredService<IPageFetcher>()
            .FetchAsync(FetchUrl.Parse($"http://{target}/", rules, out _)!, format, null, "key_1", new FetchTrace(), Waiting.Token)
            .InTime();
    }
}
