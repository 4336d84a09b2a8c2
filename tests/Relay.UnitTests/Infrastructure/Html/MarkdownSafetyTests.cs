using System.Text;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Relay.Infrastructure.Html;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Infrastructure.Html;

/// <summary>No text of a page becomes a link, an image or HTML in the Markdown that is made of it.</summary>
public sealed class MarkdownSafetyTests
{
    private const string Honest = HostileMarkup.Honest;
    private static readonly Uri Url = HostileMarkup.Url;
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .UsePipeTables()
        .UseEmphasisExtras()
        .UseTaskLists()
        .Build();

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
        Fuzz.For(
            TimeSpan.FromSeconds(2),
            () =>
            {
                var html = HostileMarkup.Make(random);

                ProblemOf(html).Should().BeNull(html);
            }
        );
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
                LinkInline { IsImage: true } image when image.Url != Honest || !HostileMarkup.HasImage(html) => $"an image: {image.Url}",
                LinkInline { IsImage: false, Url: not Honest } link
                    when !HostileMarkup.HasAddress(html) || link.Url?.StartsWith("mailto:", StringComparison.Ordinal) != true =>
                    $"a link: {link.Url}",
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
