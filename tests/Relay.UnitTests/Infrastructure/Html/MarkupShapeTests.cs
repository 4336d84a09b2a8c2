using System.Text;
using Relay.Infrastructure.Html;

namespace Relay.UnitTests.Infrastructure.Html;

public sealed class MarkupShapeTests
{
    [Fact]
    public void An_end_tag_of_what_is_not_open_ends_nothing()
    {
        // A parser passes those by, and opens all hundred again in each of the paragraphs.
        var fonts = string.Concat(Enumerable.Range(0, 100).Select(number => $"<font a={number}></i>"));

        Of("<p>" + fonts + Times("<p>x", 800)).Elements.Should().BeGreaterThan(80_000);
        Of(Times("<div></x>", 2000)).Depth.Should().Be(2000);
        Of(Times("<x-a></x-b>", 2000)).Depth.Should().Be(2000);
    }

    [Fact]
    public void What_is_closed_is_open_no_more()
    {
        Of(Times("<div><b>x</b></DIV>", 500)).Should().Be(new MarkupShape(1000, 2, 1000));
        Of(Times("<X-A>x</x-a>", 500)).Should().Be(new MarkupShape(500, 1, 500));
        Of(Times("<p>x<br>", 500)).Depth.Should().Be(0);
    }

    [Fact]
    public void Text_counts_once_for_each_element_around_it()
    {
        Of(Times("<div>", 200) + new string('x', 1000)).NestedText.Should().Be(200_000);
        Of(new string('x', 1000)).NestedText.Should().Be(0);
    }

    [Fact]
    public async Task A_page_whose_text_is_deep_is_not_searched_for_its_article()
    {
        // That took three seconds, and as many gigabytes.
        var html = Encoding.UTF8.GetBytes(Times("<div>", 250) + "<p>" + Times("Words that make an article, ", 10_000));

        var part = await Task.Run(() => ReadablePart.Find(html, new Uri("https://example.com/"))).InTime();

        part.Should().BeNull();
    }

    private static MarkupShape Of(string html) => MarkupShape.Of(Encoding.UTF8.GetBytes(html));

    private static string Times(string unit, int times) => string.Concat(Enumerable.Repeat(unit, times));
}
