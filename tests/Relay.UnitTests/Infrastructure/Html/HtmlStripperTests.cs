using System.Text;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;
using Relay.Infrastructure.Html;
using HtmlTokenizer = Relay.Infrastructure.Html.HtmlTokenizer;

namespace Relay.UnitTests.Infrastructure.Html;

public sealed class HtmlStripperTests
{
    private static readonly string[] Moving = ["<table", "<![CDATA["];

    /// <summary>The corpus' rows, with what is left.</summary>
    [Theory]
    [InlineData("<script>a</script>b", "b")]
    [InlineData("<SCRIPT\n>a</ScRiPt\t>b", "b")]
    [InlineData("<script>if(a<b)document.write('</div>')</script>b", "b")]
    [InlineData("<script src=x>b", "")]
    [InlineData(
        """<script type="application/ld+json">{"a":"</b>"}</script>""",
        """<script type="application/ld+json">{"a":"</b>"}</script>"""
    )]
    [InlineData(
        "<script type='APPLICATION/LD+JSON; charset=utf-8'>{}</script>",
        "<script type='APPLICATION/LD+JSON; charset=utf-8'>{}</script>"
    )]
    [InlineData("<script type=application/ld+json>{}</script>", "<script type=application/ld+json>{}</script>")]
    [InlineData("<script data-x='application/ld+json'>a</script>b", "b")]
    [InlineData("<script type='text/javascript' type='application/ld+json'>a</script>b", "b")]
    [InlineData("<script type=\"application/ld&#43;json\">{}</script>", "<script type=\"application/ld&#43;json\">{}</script>")]
    [InlineData("<style>p{content:'</p>'}</style>b", "b")]
    [InlineData("<svg><script>a</script><style>s</style><title>t</title></svg>b", "b")]
    [InlineData("<!-- a -- > b -->c", "c")]
    [InlineData("<!--> b", " b")]
    [InlineData("<!---> b", " b")]
    [InlineData("<!-- a --!> b", " b")]
    [InlineData("<![CDATA[ x ]]>y", "y")]
    [InlineData("<textarea><script>a</script></textarea>", "<textarea><script>a</script></textarea>")]
    [InlineData("<plaintext><script>a", "<plaintext><script>a")]
    [InlineData("<div a a a a a >", "<div a a a a a >")]
    // Texts that look like a script's end, and are one or not.
    [InlineData("<script><!-- <script> </script> --></script>b", "b")]
    [InlineData("<script><!-- </script>b", "b")]
    [InlineData("<script><!--><script></script>b", "b")]
    [InlineData("<script></scripty></script>b", "b")]
    [InlineData("a<script/>b</script>c", "ac")]
    // SVG that nobody closed, and what is inside of it.
    [InlineData("<svg><path><p>b", "<p>b")]
    [InlineData("<div><svg><path></div>b", "<div></div>b")]
    [InlineData("<svg><svg></svg>a</svg>b", "b")]
    [InlineData("<svg/>b", "b")]
    [InlineData("<svg><foreignObject><p>a</p></foreignObject></svg>b", "b")]
    [InlineData("<svg><![CDATA[</svg>]]></svg>b", "b")]
    [InlineData("<svg><math><foreignObject><ul><li>a</li></ul></foreignObject></math></svg>b", "b")]
    [InlineData("<svg><math><g></svg>b", "b")]
    [InlineData("<math><svg><foreignObject><p>b", "<math><p>b")]
    [InlineData("<math><svg>a</math>b", "<math></math>b")]
    [InlineData("<template><template></template>a</template>b", "b")]
    [InlineData("<template><script></template></script></template>b", "b")]
    [InlineData("<math><mi>x</mi><annotation>y</annotation></math>", "<math><mi>x</mi><annotation>y</annotation></math>")]
    [InlineData("<math><script><mi></script><iframe><b></math>a", "<math><iframe><b></math>a")]
    // Tags.
    [InlineData("<a title='<script>'>b</a>", "<a title='<script>'>b</a>")]
    [InlineData("<a =\"x>y\">b", "<a =\"x>y\">b")]
    [InlineData("<a href=x/>b", "<a href=x/>b")]
    [InlineData("a < b > c", "a < b > c")]
    [InlineData("a</>b", "ab")]
    [InlineData("a</ x>b<?php x?>c<!x>d", "abcd")]
    [InlineData("a<b c=\"", "a")]
    [InlineData("a</", "a</")]
    [InlineData("a<", "a<")]
    [InlineData("<!DOCTYPE html><p>a", "<!DOCTYPE html><p>a")]
    [InlineData("<noscript><img></noscript>", "<noscript><img></noscript>")]
    // Nothing becomes markup, or another letter, because something between was taken out.
    [InlineData("<<!-- -->script>a", "<&#115;cript>a")]
    [InlineData("&<!-- -->lt;", "&&#108;t;")]
    [InlineData("&lt<!-- -->;", "&lt&#59;")]
    [InlineData("<<script></script>/p>", "<&#47;p>")]
    [InlineData("<<!-- --><!-- -->b>", "<&#98;>")]
    public void Parts_that_only_a_browser_needs_are_removed(string html, string left) => RandomMarkup.Strip(html).Should().Be(left);

    [Theory]
    [InlineData("<div>", 500_000)]
    [InlineData("<a x=\"'>\" ", 400_000, Traits = ["Extent", "all"])]
    [InlineData("<!-- ", 500_000, Traits = ["Extent", "all"])]
    [InlineData("<", 2_000_000, Traits = ["Extent", "all"])]
    [InlineData("&", 2_000_000)]
    [InlineData("<svg>", 400_000, Traits = ["Extent", "all"])]
    [InlineData("<svg><foreignObject>", 100_000, Traits = ["Extent", "all"])]
    [InlineData("<script><!--<script>", 100_000, Traits = ["Extent", "all"])]
    [InlineData("</script ", 200_000)]
    [InlineData("<template>", 200_000, Traits = ["Extent", "all"])]
    [InlineData("<!--", 400_000, Traits = ["Extent", "all"])]
    [InlineData("<p", 400_000, Traits = ["Extent", "all"])]
    [InlineData("<![CDATA[", 200_000)]
    [InlineData("-", 2_000_000, Traits = ["Extent", "all"])]
    public void Hostile_pages_cost_no_more_memory_than_they_have_bytes(string unit, int times)
    {
        foreach (
            var html in (string[])
                [
                    string.Concat(Enumerable.Repeat(unit, times)),
                    "<script><!--" + string.Concat(Enumerable.Repeat(unit, times)),
                    "<!--" + string.Concat(Enumerable.Repeat(unit, times)),
                ]
        )
        {
            var bytes = Encoding.UTF8.GetBytes(html);
            var output = new System.Buffers.ArrayBufferWriter<byte>(bytes.Length + 256);
            var before = GC.GetAllocatedBytesForCurrentThread();

            HtmlStripper.Strip(bytes, output, Waiting.Token);

            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(100_000);
        }
    }

    [Fact]
    public void A_stripped_page_has_nothing_left_to_remove()
    {
        var random = new Random(Fuzz.Seed);
        Fuzz.For(
            TimeSpan.FromSeconds(1),
            () =>
            {
                var html = RandomMarkup.Make(random);

                var once = RandomMarkup.Strip(html);

                RandomMarkup.Strip(once).Should().Be(once, html);
                UnwantedIn(once).Should().BeEmpty(html);
            }
        );
    }

    /// <summary>
    /// By AngleSharp: the page's tree without these elements, and the tree of what is left, have the same text. Not of
    /// every page: taking an element out of a table moves what is around it; AngleSharp reads CDATA sections behind an SVG
    /// that is over; and an end tag in the middle of SVG is read as that of an element around it, as the tokenizer says.
    /// </summary>
    [Fact]
    public void A_browser_reads_the_same_text_in_what_is_left()
    {
        var random = new Random(Fuzz.Seed);
        var parser = new HtmlParser();
        Fuzz.For(
            TimeSpan.FromSeconds(2),
            () =>
            {
                var html = RandomMarkup.Make(random, 12);
                if (MovesThings(html))
                {
                    return;
                }

                var whole = parser.ParseDocument(html);
                foreach (
                    var unwanted in whole
                        .QuerySelectorAll("script, style, svg, template")
                        .Where(one => one.LocalName != "script" || one.GetAttribute("type") != "application/ld+json")
                        .ToList()
                )
                {
                    unwanted.Remove();
                }

                var left = parser.ParseDocument(RandomMarkup.Strip(html));

                TextOf(left).Should().Be(TextOf(whole), html);
            }
        );
    }

    private static string TextOf(IDocument document) =>
        string.Concat(document.DocumentElement.TextContent.Where(letter => !char.IsWhiteSpace(letter)));

    private static bool MovesThings(string html) =>
        Array.Exists(Moving, one => html.Contains(one, StringComparison.OrdinalIgnoreCase))
        || (
            (html.Contains("<svg>", StringComparison.Ordinal) || html.Contains("<math>", StringComparison.Ordinal))
            && html.Contains("</", StringComparison.Ordinal)
        );

    private static List<string> UnwantedIn(string html)
    {
        var found = new List<string>();
        var tokens = new HtmlTokenizer(Encoding.UTF8.GetBytes(html));
        while (tokens.Read())
        {
            var isUnwanted =
                tokens.Kind == HtmlTokenKind.Comment
                || (
                    tokens.Kind == HtmlTokenKind.StartTag
                    && (
                        tokens.Tag is HtmlTag.Style or HtmlTag.Svg or HtmlTag.Template
                        || (tokens.Tag == HtmlTag.Script && !HtmlStripper.IsJsonLd(tokens.Attributes))
                    )
                );
            if (isUnwanted)
            {
                found.Add(Encoding.UTF8.GetString(tokens.Raw));
            }
        }

        return found;
    }
}
