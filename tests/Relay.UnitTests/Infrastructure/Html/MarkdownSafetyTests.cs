using System.Net;
using System.Text;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

/// <summary>No text of a page becomes a link, an image or HTML in the Markdown that is made of it.</summary>
public sealed class MarkdownSafetyTests
{
    private const string Honest = "https://example.com/honest";
    private static readonly Uri Url = new("https://example.com/");
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UseEmphasisExtras().UseTaskLists().Build();

    private static readonly string[] Texts =
    [
        "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://evil.example/)", "<javascript:x>", "<a@evil.example>", "[x]: http://evil.example/", "[x][x]", "[x]",
        "![", "](", "](http://evil.example/)", "[", "]", "(", ")", "<", ">", "!", "`", "``", "```", "\\", "\\\\", "*", "**", "_", "~~", "~~~", "&lt;", "&#60;", "&lt", "&", ";", "|", "#", "# ", "> ", "- ", "1. ", "+ ",
        "=", "---", "| - |", ":-", "\r", "\n", "\t", "    ", " ", "a", "word", "$", "<!--", "-->", "<?", "<![CDATA[", "\u0000", "\u000B", "\u2028",
    ];

    private static readonly (string Before, string After)[] Elements =
    [
        ("<p>", "</p>"), ("<code>", "</code>"), ("<pre>", "</pre>"), ("<pre><code class='language-", "'>x</code></pre>"), ("<table><tr><td>a<td>", "</table>"), ("<table><tr><th>a<th><code>", "</code></table>"),
        ("<a href=/honest>", "</a>"), ("<h2>", "</h2>"), ("<ul><li>", "</ul>"), ("<ol><li>", "</ol>"), ("<blockquote>", "</blockquote>"), ("<img src=/honest alt='", "'>"), ("<img alt='", "'>"), ("<sup>", "</sup>"),
        ("<sub>", "</sub>"), ("<b>", "</b>"), ("<i>", "</i>"), ("<del>", "</del>"), ("<dl><dt>", "<dd>x</dl>"), ("<dl><dt>x<dd>", "</dl>"), ("<br>", string.Empty), ("<summary>", "</summary>"),
        ("<math alttext='", "'><mi>x</mi></math>"), ("<math><mtext>", "</mtext></math>"), ("<math><annotation encoding='application/x-tex'>", "</annotation></math>"), (string.Empty, string.Empty),
        ("<a href='javascript:", "'>x</a>"), ("<table class='", "'><tr><td>1<td><pre>x</pre></table>"), ("<button aria-expanded=false>", "</button>"), ("<blockquote><pre>", "</pre></blockquote>"), ("<ul><li><pre>", "</pre></ul>"),
    ];

    [Theory]
    [InlineData("<img src=/honest alt='](x)<img src=y onerror=alert(1)>'>")]
    [InlineData("<img src=/honest alt='x](javascript:alert(1)) ['>")]
    [InlineData("<code>a</code><code>b`&lt;img onerror=x></code>")]
    [InlineData("<blockquote><pre>a&#13;&lt;img onerror=x></pre></blockquote>")]
    [InlineData("<a href='mailto:a&#9;b\"><img src=x onerror=alert(1)>'>x</a>")]
    [InlineData("<p>!<a href=/honest>x</a>")]
    [InlineData("<p>&amp;lt;img onerror=x&amp;gt;")]
    [InlineData("<p>a<br>: - | -")]
    public void A_text_that_looks_like_Markdown_stays_text(string html) => ProblemOf(html).Should().BeNull();

    [Fact]
    public void No_text_comes_alive()
    {
        var random = new Random(Fuzz.Seed);
        Fuzz.For(TimeSpan.FromSeconds(2), () =>
        {
            var html = string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ =>
            {
                var (before, after) = Elements[random.Next(Elements.Length)];
                return before + string.Concat(Enumerable.Range(0, random.Next(0, 5)).Select(_ => WebUtility.HtmlEncode(Texts[random.Next(Texts.Length)]))) + after;
            }));

            ProblemOf(html).Should().BeNull(html);
        });
    }

    private static string? ProblemOf(string html)
    {
        var markdown = PageRenderer.ToMarkdown(Encoding.UTF8.GetBytes(html), Url, Waiting.Token).Text;
        var document = Markdown.Parse(markdown, Pipeline);
        foreach (var block in document.Descendants())
        {
            var problem = block switch
            {
                HtmlBlock => "a block of HTML",
                HtmlInline { Tag: not ("<sup>" or "</sup>" or "<sub>" or "</sub>") } inline => $"HTML: {inline.Tag}",
                AutolinkInline link when link.Url != Honest => $"a link: {link.Url}",
                LinkInline { Url: not Honest } link when link.Url?.StartsWith("mailto:", StringComparison.Ordinal) != true => $"a link: {link.Url}",
                LinkReferenceDefinition => "a definition of a link",
                _ => null,
            };
            if (problem is not null)
            {
                return $"{problem} in {markdown}";
            }
        }

        return null;
    }
}
