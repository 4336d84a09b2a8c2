using System.Buffers;
using System.Text;
using Relay.Application.Fetching;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

/// <summary>
/// The slowest markup that was found, repeated to 1 MB. On a quiet machine each page takes less than a quarter of a second of processor
/// time. The bound is four times that, for a processor that other tests share. A page whose time grows with its square takes minutes.
/// </summary>
public sealed class RenderTimeTests
{
    private const int PageBytes = 1_000_000;

    /// <summary>Code is compiled in steps while it runs, and as late as other tests let it.</summary>
    private const int Runs = 20;
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(1);

    /// <summary>The text before, the unit that is repeated, the text behind.</summary>
    public static TheoryData<string, string, string> Pages => [.. Extent.Sample(AllPages, oneOf: 8)];

    private static TheoryData<string, string, string> AllPages =>
        new()
        {
            { "<div>", "x</br>", string.Empty },
            { "<div>", "x, y</p>", string.Empty },
            { "<p>Words, words, words. ", "<a href=x>y</a>", string.Empty },
            { "<base href='https://example.com/{4,000 letters}/'>", "<a>", string.Empty },
            { "<base href='https://example.com/{4,000 letters}/'>", "<a href=''></a>", string.Empty },
            { "<base href='https://example.com/{4,000 letters}/'>", "<a href=1>y</a><a href=2>y</a>", string.Empty },
            { "<base href='https://example.com/{4,000 letters}/'>", "<img src=1>", string.Empty },
            { string.Empty, "<div>", string.Empty },
            { string.Empty, "<div>x", "{ends:</div>}" },
            { string.Empty, "<p>a", string.Empty },
            { string.Empty, "<b>a<p>", string.Empty },
            { string.Empty, "<x-a>", string.Empty },
            { "<x-a>", "<x-b>x</x-a>", string.Empty },
            { "{20 x-c}", "<x-a>a</x-b>", string.Empty },
            { string.Empty, "<ul><li>a", string.Empty },
            { string.Empty, "<blockquote>a", string.Empty },
            { string.Empty, "<table><tr><td>a", string.Empty },
            { string.Empty, "<table><tr><td colspan=100 rowspan=100>a</table>", string.Empty },
            { string.Empty, "<table><tr><td colspan=100 rowspan=100>a{100 rows}</table>", string.Empty },
            { string.Empty, "<table><tr><td>a<td>b</table>", string.Empty },
            { "<svg>", "<svg>", "{ends:</math>}" },
            { "<math>", "<math>", "{ends:</svg>}" },
            { "<p>", "<math><mi>x</math>", string.Empty },
            { "<math>", "<mfrac>x", "{ends:</mfrac>}" },
            { "<math><mrow>", "<mi>x</mi>", string.Empty },
            { "<p>", "<sup>1", string.Empty },
            { "<p>", "x<sup>1</sup>", string.Empty },
            { "<p>", "&a;", string.Empty },
            { "<p>", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;", string.Empty },
            { "<p>", "&#x26;", string.Empty },
            { "<p>", "`", string.Empty },
            { "<p>", "<code>`</code>", string.Empty },
            { "<p>", "<code>", string.Empty },
            { "<p>", "!<a href=x>!", string.Empty },
            { "<pre>", "<div>\n</div>", string.Empty },
            { "<pre>", "<li>", string.Empty },
            { string.Empty, "<pre>a</pre>", string.Empty },
            { string.Empty, "<p hidden>", string.Empty },
            { string.Empty, "<b hidden>", string.Empty },
            { "<b hidden>", "<b></b>", string.Empty },
            { string.Empty, "<br>", string.Empty },
            { string.Empty, "x<br>1. ", string.Empty },
            { string.Empty, "<h1>", string.Empty },
            { string.Empty, "<dl><dt>a<dd>b", string.Empty },
            { string.Empty, "<select><option>", string.Empty },
            { string.Empty, "<ruby>a<rt>b", string.Empty },
            { string.Empty, "<button aria-expanded=true>a", string.Empty },
            { string.Empty, "<template>", string.Empty },
            { string.Empty, "<template shadowrootmode=open>a", string.Empty },
            { string.Empty, "<noscript>a", string.Empty },
            { "<noscript>", "<p>a", string.Empty },
            { string.Empty, "<div class='article body content main'><p>text, text, text and more of it. ", string.Empty },
            { string.Empty, "<div class=comment>text, text</div>", string.Empty },
            { string.Empty, "<div class=post><p>text, text, text and more of it, for a paragraph.</p></div>", string.Empty },
            { "<p ", "a=b ", ">x" },
            { string.Empty, "<a b=\"", string.Empty },
            { string.Empty, "<!--", string.Empty },
            { string.Empty, "<script><!--<script>", string.Empty },
            { "<title>", "</titl", string.Empty },
            { string.Empty, "<meta name=description content=''>", string.Empty },
            { string.Empty, "<script type=application/ld+json>[]</script>", string.Empty },
            { "<script type=application/ld+json>", "[", string.Empty },
            { string.Empty, "<![CDATA[x]]>", string.Empty },
            { string.Empty, "<", string.Empty },
            { string.Empty, "</", string.Empty },
            { string.Empty, "<p>,", string.Empty },
            { string.Empty, "<td>a", string.Empty },
            { "<table>", "<tr>", string.Empty },
            { "<center><h2>", "<h1>\u00E9", string.Empty },
            { "<label><label>", "``<label><dd><img>&<dt>", string.Empty },
            { "<dialog>", "<q>a<sup>", string.Empty },
            { "<a href=x>", "<sup>1</sup><a href=y>", string.Empty },
            { "<math>", "<msup><mi>x</mi><mi>y</mi></msup>z", string.Empty },
            { "<table>", "<tbody><tr><td rowspan=0>a", string.Empty },
        };

    [Theory]
    [MemberData(nameof(Pages))]
    public void No_page_takes_long(string before, string unit, string after)
    {
        var document = Make(before, unit, after);
        foreach (var format in Enum.GetValues<PageFormat>())
        {
            var took = ThreadClock.Least(
                Most,
                Runs,
                () => new PageReader().Read(document, new PageView(format, Strip: true, PageBytes, 0), Waiting.Token)
            );

            took.Should().BeLessThan(Most, "{0} is read within that", format);
        }
    }

    [Theory]
    [InlineData(PageFormat.Html)]
    [InlineData(PageFormat.Text)]
    [InlineData(PageFormat.Markdown)]
    public void A_page_that_nobody_wants_any_more_is_not_read_on(PageFormat format)
    {
        var document = Make(string.Empty, "<p>a <b>b</b>", string.Empty);
        var read = () =>
            new PageReader().Read(document, new PageView(format, Strip: true, PageBytes, 0), new CancellationToken(canceled: true));

        read.Should().Throw<OperationCanceledException>();
    }

    /// <summary>Each part looks at the token while it works, and not only when it begins.</summary>
    [Theory]
    [InlineData("strip")]
    [InlineData("find the article")]
    [InlineData("render")]
    [InlineData("detect a shell")]
    [InlineData("read data")]
    public void A_part_of_the_reading_ends_soon_after_nobody_wants_the_page_any_more(string part)
    {
        // As long as a page may be, with as many elements as an outline may have. No text in it is enough to end a part early.
        var (elements, unit) =
            part == "find the article" ? (90_000, $"<p title='{new string('x', 195)}'>a, b.") : (2_000_000, "<p><b></b>");
        var document = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(unit, elements)));
        using var left = new CancellationTokenSource();
        Action read = part switch
        {
            "strip" => () => HtmlStripper.Strip(document, new ArrayBufferWriter<byte>(), left.Token),
            "find the article" => () => ReadablePart.Find(document, null, left.Token),
            "render" => () => PageRenderer.ToMarkdown(document, new Uri("https://example.com/"), left.Token),
            "detect a shell" => () => ShellDetector.Find(document, left.Token),
            _ => () => ShellDetector.ReadData(document, left.Token),
        };

        left.CancelAfter(TimeSpan.FromMilliseconds(20));
        ThreadClock.Least(Most, 1, () => read.Should().Throw<OperationCanceledException>()).Should().BeLessThan(Most);
    }

    /// <summary>Nothing calls itself for an element in an element.</summary>
    [Theory]
    [InlineData("<div>")]
    [InlineData("<blockquote><ul><li>", Traits = ["Extent", "all"])]
    [InlineData("<table><tr><td>", Traits = ["Extent", "all"])]
    [InlineData("<math><mrow>")]
    [InlineData("<svg><foreignObject>", Traits = ["Extent", "all"])]
    [InlineData("<x-a>", Traits = ["Extent", "all"])]
    [InlineData("<b>")]
    public void A_deep_page_needs_no_more_stack_than_a_flat_one(string unit)
    {
        const int stack = 256 * 1024;
        var document = Make(
            string.Concat(Enumerable.Repeat(unit, 10_000)),
            "<p>Some text, for all that is above it.",
            string.Empty,
            20_000
        );
        var error = (Exception?)null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    foreach (var format in Enum.GetValues<PageFormat>())
                    {
                        new PageReader()
                            .Read(document, new PageView(format, Strip: true, PageBytes, 0), CancellationToken.None)
                            .Error.Should()
                            .BeNull();
                    }
                }
                catch (Exception exception)
                {
                    error = exception;
                }
            },
            stack
        );
        thread.Start();
        thread.Join();

        error.Should().BeNull();
    }

    private static FetchedDocument Make(string before, string unit, string after, int bytes = PageBytes)
    {
        static string Letters(string text) =>
            text.Replace("{4,000 letters}", new string('a', 4000), StringComparison.Ordinal)
                .Replace("{20 x-c}", string.Concat(Enumerable.Repeat("<x-c>", 20)), StringComparison.Ordinal)
                .Replace("{100 rows}", string.Concat(Enumerable.Repeat("<tr>", 100)), StringComparison.Ordinal);
        var (begin, one) = (Letters(before), Letters(unit));
        var isClosed = after.StartsWith("{ends:", StringComparison.Ordinal);
        var times = Math.Max(1, (bytes - begin.Length) / (one.Length + (isClosed ? after.Length - "{ends:}".Length : 0)));
        var end = isClosed ? string.Concat(Enumerable.Repeat(after["{ends:".Length..^1], times)) : after;
        return new FetchedDocument(
            new Uri("https://example.com/"),
            DocumentKind.Html,
            "utf-8",
            Encoding.UTF8.GetBytes(begin + string.Concat(Enumerable.Repeat(one, times)) + end),
            IsWhole: true
        );
    }
}
