using System.Text;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

public sealed class PageRendererTests
{
    private static readonly Uri Url = new("https://example.com/a/b");

    [Theory]
    [InlineData("<h1>A</h1><p>b</p><h3>C</h3>d", "# A\n\nb\n\n### C\n\nd")]
    [InlineData("<p>a <b>bold</b>, <i>it</i> and <del>gone</del></p>", "a **bold**, *it* and ~~gone~~")]
    [InlineData("<p>a<b> bold </b>b</p>", "a **bold** b")]
    [InlineData("<p><b></b>a<b> </b>b</p>", "a b")]
    [InlineData("<p><b>a</p><p>b</b> c", "**a**\n\n**b** c")]
    [InlineData("<p>x <code>a*b</code> <code>`</code></p>", "x `a*b` `` ` ``")]
    [InlineData(
        "<a href=c>d</a> <a href='/x (y)'>e</a> <a href='javascript:x()'>f</a>",
        "[d](https://example.com/a/c) [e](https://example.com/x%20%28y%29) f"
    )]
    [InlineData("<a href=x><h3>A</h3><p>b</p></a>", "### [A](https://example.com/a/x)\n\n[b](https://example.com/a/x)")]
    [InlineData(
        "<img src=i.png alt='An image'><img src=data:x alt=y><img src=t.gif width=1 height=1>",
        "![An image](https://example.com/a/i.png)y"
    )]
    [InlineData("<ul><li>a<li>b<ul><li>c</li></ul></li></ul>d", "- a\n- b\n  - c\n\nd")]
    [InlineData("<ol start=3><li>a</li><li><p>b</p><p>c</p></li></ol>", "3. a\n4. b\n\n   c")]
    [InlineData("<p>x</p><ol><li>a<li>b</ol>", "x\n\n1. a\n2. b")]
    [InlineData("<ul><li><input type=checkbox checked> a<li><input type=checkbox> b</ul>", "- [x] a\n- [ ] b")]
    [InlineData("<blockquote><p>a</p><p>b</p><blockquote>c</blockquote></blockquote>", "> a\n>\n> b\n>\n> > c")]
    [InlineData("<pre><code class='hljs language-csharp'>var a = 1;\n  b &lt; c</code></pre>", "```csharp\nvar a = 1;\n  b < c\n```")]
    [InlineData("<pre>\na\n```\n</pre>", "````\na\n```\n````")]
    [InlineData("<ul><li>a<pre>b\n\nc</pre></ul>", "- a\n\n  ```\n  b\n\n  c\n  ```")]
    [InlineData("<table><tr><th>a<th>b|c</tr><tr><td>1<td>2</table>", "| a | b\\|c |\n| --- | --- |\n| 1 | 2 |")]
    [InlineData("<table><caption>T</caption><tr><td>a<td>b</tr></table>", "T\n\n|  |  |\n| --- | --- |\n| a | b |")]
    [InlineData(
        "<table><tr><th colspan=2>a<th>b</tr><tr><td rowspan=2>c<td>d<td>e</tr><tr><td>f<td>g</tr></table>",
        "| a |  | b |\n| --- | --- | --- |\n| c | d | e |\n|  | f | g |"
    )]
    [InlineData("<table><tr><td><h2>A</h2><td><p>b</p></table>", "## A\n\nb")]
    [InlineData("<table><tr><td><table><tr><td>a<td>b</table><td>c</table>", "|  |  |\n| --- | --- |\n| a | b |\n\nc")]
    [InlineData("<dl><dt>a</dt><dd>b</dd><dt>c<dd>d</dl>", "**a**\n: b\n\n**c**\n: d")]
    [InlineData("<details><summary>a</summary><p>b</p></details>", "**a**\n\nb")]
    [InlineData("a<br>b<hr>c", "a  \nb\n\n---\n\nc")]
    [InlineData("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>", "漢字(かんじ)")]
    [InlineData(
        "<p>*a* _b_ c_d 1. [e] &lt;f> # g</p><p># h</p><p>1. i</p><p>- j</p>",
        "\\*a\\* \\_b_ c_d 1. \\[e\\] \\<f> # g\n\n\\# h\n\n1\\. i\n\n\\- j"
    )]
    [InlineData(
        "a<script>b</script><style>c</style><template>d</template><noscript>e</noscript><button>f</button><select><option>g</select>h",
        "a h"
    )]
    [InlineData("<div hidden>a<div>b</div></div><p aria-hidden=true>c<p style='display: none'>d</p>e", "e")]
    [InlineData("<body style='display:none'>a<main hidden>b</main>", "a\n\nb")]
    [InlineData("<label>a <input value=b></label><textarea>c</textarea>", "a")]
    [InlineData("a\n\n\u00A0 b\u00ADc", "a bc")]
    [InlineData("<math><mi>x</mi><mo>=</mo><mn>1</mn><annotation>x=1</annotation></math>", "x=1")]
    public void Markdown_says_what_the_page_says(string html, string markdown) =>
        PageRenderer.ToMarkdown(Encoding.UTF8.GetBytes(html), Url, Waiting.Token).Text.Should().Be(markdown);

    [Theory]
    [InlineData("<h1>A</h1><p>b <b>c</b> <a href=d>e</a></p>", "A\n\nb c e")]
    [InlineData("<ul><li>a<li>b<ol><li>c</ol></ul>", "- a\n- b\n  1. c")]
    [InlineData("<table><tr><th>a<th>b</tr><tr><td>1<td>2</table>", "a\tb\n1\t2")]
    [InlineData("<pre>  a\n  b</pre>", "  a\n  b")]
    [InlineData("a<br>b", "a\nb")]
    [InlineData("<p>*a* [b]</p><img src=x alt=c>", "*a* [b]")]
    [InlineData("<p dir=rtl>שלום</p><p>你好</p>", "שלום\n\n你好")]
    public void Text_says_it_without_marks(string html, string text) =>
        PageRenderer.ToText(Encoding.UTF8.GetBytes(html), Url, Waiting.Token).Text.Should().Be(text);

    [Theory]
    [InlineData("<div>", 300_000)]
    [InlineData("<blockquote>a", 50_000, Traits = ["Extent", "all"])]
    [InlineData("<ul><li>a", 50_000, Traits = ["Extent", "all"])]
    [InlineData("<b>a<p>", 100_000, Traits = ["Extent", "all"])]
    [InlineData("<table><tr><td>a", 50_000)]
    [InlineData("<p hidden>", 200_000, Traits = ["Extent", "all"])]
    [InlineData("<a href=x>a", 100_000, Traits = ["Extent", "all"])]
    [InlineData("<p>a", 250_000, Traits = ["Extent", "all"])]
    [InlineData("&aaaaaaaaaa", 100_000)]
    [InlineData("<td colspan=99999 rowspan=99999>a", 50_000, Traits = ["Extent", "all"])]
    [InlineData("<table><tr><td colspan=100 rowspan=100>a</table>", 10_000, Traits = ["Extent", "all"])]
    public void Hostile_pages_end(string unit, int times)
    {
        var html = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(unit, times)));

        // In memory that the page's size bounds: prefixes of lists and quotes repeat, and so they are bounded, too.
        PageRenderer.ToMarkdown(html, Url, Waiting.Token).Text.Length.Should().BeLessThan(100_000_000);
        PageRenderer.ToText(html, Url, Waiting.Token).Text.Length.Should().BeLessThan(100_000_000);
    }

    [Theory]
    [InlineData("<table><tr>", "<td colspan=100>x", 40, "<tr><td>x", 4000, "</table>", true)]
    [InlineData("<base href='http://x.example.com/{60,000 letters}/'>", "<a href=x>y</a>", 1000, "", 0, "", true)]
    [InlineData("", "<ol start=-2147483648><li>", 20, "<p>x", 20_000, "", false)]
    [InlineData(
        "<ol start=-2147483648><li><ol start=-2147483648><li><ol start=-2147483648><li><ol start=-2147483648><li><pre>",
        "",
        0,
        "x\n",
        100_000,
        "",
        false
    )]
    [InlineData("<a href='{4,000 letters}'>", "<p>x", 10_000, "", 0, "", false)]
    [InlineData("<pre>", "", 0, "x\n", 10_000, "", true)]
    public void Little_does_not_become_much(string begin, string unit, int times, string then, int thenTimes, string end, bool isWhole)
    {
        var page = begin + string.Concat(Enumerable.Repeat(unit, times)) + string.Concat(Enumerable.Repeat(then, thenTimes)) + end;
        var html = Encoding.UTF8.GetBytes(
            page.Replace("{4,000 letters}", new string('a', 4000), StringComparison.Ordinal)
                .Replace("{60,000 letters}", new string('a', 60_000), StringComparison.Ordinal)
        );
        var head = PageMetadataReader.Read(html, Url, Waiting.Token);

        var markdown = PageRenderer.ToMarkdown(html, head.BaseUrl, Waiting.Token);

        markdown.Text.Length.Should().BeLessThan(1_010_000 + (4 * html.Length));
        markdown.IsWhole.Should().Be(isWhole);
        PageRenderer.ToText(html, head.BaseUrl, Waiting.Token).Text.Length.Should().BeLessThan(1_010_000 + (4 * html.Length));
    }

    [Fact]
    public void Breaks_in_a_row_make_one_empty_line_at_the_most()
    {
        var html = "<p>one<br><br><br/>\n<br><br>two<br>three"u8.ToArray();

        PageRenderer.ToText(html, Url, Waiting.Token).Text.Should().Be("one\n\ntwo\nthree");
        PageRenderer.ToMarkdown(html, Url, Waiting.Token).Text.Should().Be("one  \n  \ntwo  \nthree");
    }

    [Fact]
    public void Any_page_has_a_text_and_a_Markdown()
    {
        var random = new Random(Fuzz.Seed);
        Fuzz.For(
            TimeSpan.FromSeconds(1),
            () =>
            {
                var page = RandomMarkup.Make(random);
                var html = Encoding.UTF8.GetBytes(page);
                var (markdown, text) = (
                    PageRenderer.ToMarkdown(html, Url, Waiting.Token).Text,
                    PageRenderer.ToText(html, Url, Waiting.Token).Text
                );
                // Preformatted text keeps its empty lines.
                if (!markdown.Contains("```", StringComparison.Ordinal))
                {
                    markdown.Should().NotContain("\n\n\n", "{0} has none", page);
                    text.Should().NotContain("\n\n\n\n", "{0} has none", page);
                }

                PageMetadataReader.Read(html, Url, Waiting.Token);
            }
        );
    }
}
