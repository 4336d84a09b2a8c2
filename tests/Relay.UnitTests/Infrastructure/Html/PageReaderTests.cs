using System.Text;
using System.Text.Json;
using Relay.Application.Fetching;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.Html;

/// <summary>
/// The pages of <c>tests/Pages</c>: what the relay makes of each stands beside it, and was read by a person before it was put there.
/// </summary>
public sealed class PageReaderTests
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly PageReader _reader = new();

    private static readonly string Folder = Checkout.PathOf("tests", "Pages");

    public static TheoryData<string> Names =>
        [
            .. Directory
                .EnumerateFiles(Folder, "*.html")
                .Select(file => Path.GetFileNameWithoutExtension(file)!)
                .Order(StringComparer.Ordinal),
        ];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_becomes_what_stands_beside_it(string name)
    {
        var made = Render(name);
        var file = Path.Combine(Folder, name + ".expected");
        if (Environment.GetEnvironmentVariable("RELAY_APPROVE_PAGES") == "1")
        {
            File.WriteAllText(file, made);
        }

        made.Should()
            .Be(
                File.Exists(file) ? File.ReadAllText(file) : string.Empty,
                "RELAY_APPROVE_PAGES=1 writes anew what is expected; read what changes"
            );
    }

    [Fact]
    public void There_are_enough_of_them() => Names.Count.Should().BeGreaterThanOrEqualTo(70);

    [Fact]
    public void A_long_page_comes_in_pieces_that_are_all_of_it()
    {
        var html = string.Concat(Enumerable.Range(0, 5000).Select(number => $"<p>Paragraph <b>{number}</b> ü</p>\n"));
        var pieces = new List<string>();
        long? offset = 0;
        while (offset is { } at)
        {
            var page = _reader.Read(Document(html), new PageView(PageFormat.Html, Strip: true, 20_000, at), Waiting.Token).Value;
            page.TotalChars.Should().Be(html.Length);
            page.IsTruncated.Should().Be(page.NextOffset is not null);
            pieces.Add(Encoding.UTF8.GetString(page.Content.Span));
            offset = page.NextOffset;
        }

        string.Concat(pieces).Should().Be(html);
        pieces.Should().HaveCountGreaterThan(5);
    }

    [Fact]
    public void Of_a_page_that_was_not_read_to_its_end_the_last_piece_says_so()
    {
        var page = _reader
            .Read(Document("<p>a") with { IsWhole = false }, new PageView(PageFormat.Html, Strip: true, 100, 0), Waiting.Token)
            .Value;

        (page.IsTruncated, page.NextOffset, page.TotalChars).Should().Be((true, null, null));
    }

    [Theory]
    [InlineData("{\"a\":1}", 0, 6)]
    [InlineData("{\"a\":1}", 1, 100)]
    public void Half_a_JSON_document_is_never_answered(string json, long offset, int maxBytes) =>
        _reader
            .Read(
                Document(json) with
                {
                    Kind = DocumentKind.Data,
                },
                new PageView(PageFormat.Html, Strip: true, maxBytes, offset),
                Waiting.Token
            )
            .Error!.Code.Should()
            .Be(ErrorCode.TooLarge);

    [Fact]
    public void A_document_that_is_not_HTML_stays_unchanged_in_every_form()
    {
        foreach (var format in Enum.GetValues<PageFormat>())
        {
            Encoding
                .UTF8.GetString(
                    _reader
                        .Read(
                            Document("a <b> *c* &amp;") with
                            {
                                Kind = DocumentKind.Text,
                            },
                            new PageView(format, Strip: true, 100, 0),
                            Waiting.Token
                        )
                        .Value.Content.Span
                )
                .Should()
                .Be("a <b> *c* &amp;");
        }
    }

    [Fact]
    public void An_offset_behind_the_end_and_a_tag_that_does_not_fit_are_errors_that_name_a_field()
    {
        var behind = _reader.Read(Document("abc"), new PageView(PageFormat.Html, Strip: true, 100, 4), Waiting.Token).Error!;
        (behind.Code, behind.Field).Should().Be((ErrorCode.InvalidRequest, "offset"));
        var large = _reader
            .Read(Document($"<img src=\"{new string('x', 100)}\">"), new PageView(PageFormat.Html, Strip: true, 50, 0), Waiting.Token)
            .Error!;
        (large.Code, large.Field).Should().Be((ErrorCode.TooLarge, "max_bytes"));
    }

    /// <summary>A parser that makes a tree of one of these would need all the stack, minutes, or gigabytes.</summary>
    [Theory]
    [InlineData("<div>", 100_000)]
    [InlineData("<p>a</b>", 300_000, Traits = ["Extent", "all"])]
    [InlineData("<b a=1>", 250, Traits = ["Extent", "all"])]
    [InlineData("<table><tr><td>", 30_000, Traits = ["Extent", "all"])]
    [InlineData("<font color=red><p>text ", 20_000)]
    [InlineData("<a href=x>a", 60_000, Traits = ["Extent", "all"])]
    [InlineData("a ", 600_000, Traits = ["Extent", "all"])]
    [InlineData("<li class='article body content main'>text, text, text. ", 9_000, Traits = ["Extent", "all"])]
    [InlineData("<div class=comment>text, text</div>", 9_000)]
    [InlineData("<div class=post>text, text</div>", 100_000, Traits = ["Extent", "all"])]
    [InlineData("<br>", 25_000, Traits = ["Extent", "all"])]
    public void Hostile_pages_are_read_without_a_tree_or_with_a_small_one(string unit, int times)
    {
        var html = string.Concat(Enumerable.Repeat(unit, times)) + string.Concat(Enumerable.Repeat("<p>a</p>", 200));

        foreach (var format in Enum.GetValues<PageFormat>())
        {
            _reader.Read(Document(html), new PageView(format, Strip: true, 2_000_000, 0), Waiting.Token).Error.Should().BeNull();
        }
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud800\"}")]
    [InlineData("{\"\\udc00\":1}")]
    [InlineData("[[{\"a\":[\"\\ud83d\"]}]]")]
    public void Data_that_no_answer_could_carry_are_kept_as_text(string json)
    {
        var metadata = _reader
            .Read(
                Document($"<script type=application/ld+json>{json}</script><script type=application/ld+json>[\"\\ud83d\\ude00\"]</script>"),
                new PageView(PageFormat.Html, Strip: true, 1000, 0),
                Waiting.Token
            )
            .Value.Metadata;

        metadata.JsonLd[0].GetString().Should().Be(json);
        metadata.JsonLd[1].ValueKind.Should().Be(JsonValueKind.Array, "both halves are a character");
        metadata.JsonLd.Invoking(blocks => JsonSerializer.Serialize(blocks)).Should().NotThrow();
    }

    [Theory]
    [InlineData(PageFormat.Text, "Page 1\n\nA <b> line\nand *another*\n\nPage 2\n\n(This page has no text. It may be a picture.)")]
    [InlineData(
        PageFormat.Markdown,
        "## Page 1\n\nA \\<b> line  \nand \\*another\\*\n\n## Page 2\n\n(This page has no text. It may be a picture.)"
    )]
    [InlineData(
        PageFormat.Html,
        "<h2>Page 1</h2>\n<p>A &lt;b&gt; line<br>\nand *another*</p>\n<h2>Page 2</h2>\n<p>(This page has no text. It may be a "
            + "picture.)</p>\n"
    )]
    public void The_text_of_a_PDF_comes_in_every_form(PageFormat format, string expected)
    {
        var page = _reader.Read(Pdf(["A <b> line\nand *another*"], []), new PageView(format, Strip: true, 1000, 0), Waiting.Token).Value;

        Encoding.UTF8.GetString(page.Content.Span).Should().Be(expected);
        (page.Pages, page.Metadata.Title, page.Charset, page.IsTruncated, page.TotalChars)
            .Should()
            .Be((2, "A title", null, false, expected.Length));
    }

    [Fact]
    public void A_long_PDF_comes_in_pieces_that_are_all_of_it()
    {
        var document = Pdf([.. Enumerable.Range(0, 500).Select(number => (string[])[$"Paragraph {number} & more of it"])]);
        foreach (var format in Enum.GetValues<PageFormat>())
        {
            var whole = TextOf(_reader.Read(document, new PageView(format, Strip: true, FetchRequest.MaxMaxBytes, 0), Waiting.Token).Value);
            var pieces = new StringBuilder();
            for (long? offset = 0; offset is { } at; )
            {
                var page = _reader.Read(document, new PageView(format, Strip: true, 5000, at), Waiting.Token).Value;
                pieces.Append(TextOf(page));
                offset = page.NextOffset;
            }

            pieces.ToString().Should().Be(whole);
        }
    }

    [Fact]
    public void Of_a_PDF_whose_pages_were_not_all_read_the_last_piece_says_so()
    {
        var document = Pdf(["One."]);
        var page = _reader
            .Read(
                document with
                {
                    Pdf = document.Pdf! with { PageCount = 9, IsWhole = false },
                },
                new PageView(PageFormat.Text, Strip: true, 100, 0),
                Waiting.Token
            )
            .Value;

        (page.Pages, page.IsTruncated, page.NextOffset, page.TotalChars).Should().Be((9, true, null, null));
    }

    private static FetchedDocument Pdf(params string[][] pages) =>
        Document(string.Empty) with
        {
            Kind = DocumentKind.Pdf,
            Pdf = new PdfText(
                "A title",
                pages.Length,
                [.. pages.Select(paragraphs => new PdfPage(paragraphs, IsReadable: true))],
                IsWhole: true
            ),
        };

    private static string Render(string name)
    {
        var typeFile = Path.Combine(Folder, name + ".type");
        var (type, charset) = ContentKinds.Read(File.Exists(typeFile) ? File.ReadAllText(typeFile).Trim() : "text/html; charset=utf-8");
        var document = new FetchedDocument(
            new Uri("https://pages.example.net/" + name),
            ContentKinds.Of(type)!.Value,
            charset,
            File.ReadAllBytes(Path.Combine(Folder, name + ".html")),
            IsWhole: true
        );
        Page Read(PageFormat format) =>
            new PageReader().Read(document, new PageView(format, Strip: true, FetchRequest.MaxMaxBytes, 0), Waiting.Token).Value;
        var html = Read(PageFormat.Html);
        var text = new StringBuilder();
        foreach (
            var (heading, content) in (IEnumerable<(string, string)>)
                [
                    ($"metadata ({html.Charset})", JsonSerializer.Serialize(html.Metadata, Indented)),
                    ("markdown", TextOf(Read(PageFormat.Markdown))),
                    ("text", TextOf(Read(PageFormat.Text))),
                    ("html", TextOf(html)),
                ]
        )
        {
            text.Append("======== ").Append(heading).Append(" ========\n").Append(content.ReplaceLineEndings("\n")).Append('\n');
        }

        if (html.NeedsScripts is { } need)
        {
            text.Append("======== needs scripts: ")
                .Append(need)
                .Append(" ========\n")
                .Append(JsonSerializer.Serialize(html.Data, Indented))
                .Append('\n');
        }

        return text.ToString();
    }

    private static string TextOf(Page page) => Encoding.UTF8.GetString(page.Content.Span);

    private static FetchedDocument Document(string text) =>
        new(new Uri("https://example.com/"), DocumentKind.Html, "utf-8", Encoding.UTF8.GetBytes(text), IsWhole: true);
}
