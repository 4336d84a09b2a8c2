using System.Text;
using Relay.Infrastructure.Html;
using HtmlTokenizer = Relay.Infrastructure.Html.HtmlTokenizer;

namespace Relay.UnitTests.Infrastructure.Html;

public sealed class ContentCutterTests
{
    [Theory]
    [InlineData("abcdef", 0, 3, "abc", 3L)]
    [InlineData("abcdef", 3, 3, "def", null)]
    [InlineData("abcdef", 6, 3, "", null)]
    [InlineData("日本語", 0, 4, "日", 1L)]
    [InlineData("日本語", 1, 4, "本", 2L)]
    [InlineData("a😀b", 0, 4, "a", 1L)]
    [InlineData("a😀b", 1, 5, "😀b", null)]
    [InlineData("a<b c='d'>e", 0, 5, "a", 1L)]
    [InlineData("a<b c='d'>e", 1, 9, "<b c='d'>", 10L)]
    [InlineData("a<b c='d'>e", 3, 9, "e", null)]
    [InlineData("ab&amp;cd", 0, 4, "ab", 2L)]
    [InlineData("a<!-- b -->", 0, 4, "a", 1L)]
    [InlineData("<script type=application/ld+json>{1,2}</script>", 0, 36, "<script type=application/ld+json>{1,", 36L)]
    public void A_piece_ends_at_a_character_and_outside_of_a_tag(string html, long offset, int maxBytes, string piece, long? next)
    {
        var bytes = Encoding.UTF8.GetBytes(html);

        var cut = ContentCutter.Cut(bytes, isMarkup: true, offset, maxBytes, out var problem)!;

        problem.Should().Be(CutProblem.None);
        Encoding.UTF8.GetString(bytes[cut.Start..cut.End]).Should().Be(piece);
        cut.NextOffset.Should().Be(next);
    }

    [Fact]
    public void Plain_text_is_cut_anywhere() => ContentCutter.Cut("a<b c='d'>e"u8, isMarkup: false, 0, 5, out _)!.End.Should().Be(5);

    [Fact]
    public void A_piece_rather_ends_behind_a_word()
    {
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("words and ", 1000)));

        var cut = ContentCutter.Cut(text, isMarkup: false, 0, 5003, out _)!;

        cut.End.Should().Be(5000);
    }

    [Fact]
    public void A_tag_larger_than_a_piece_and_an_offset_behind_the_end_are_problems()
    {
        ContentCutter.Cut("<img src=data:xxxxxxxxxx>a"u8, isMarkup: true, 0, 10, out var problem).Should().BeNull();
        problem.Should().Be(CutProblem.TooLargeToCut);
        ContentCutter.Cut("abc"u8, isMarkup: true, 4, 10, out problem).Should().BeNull();
        problem.Should().Be(CutProblem.OffsetBehindEnd);
    }

    [Fact]
    public void The_pieces_of_any_page_are_the_page()
    {
        var random = new Random(Fuzz.Seed);
        Fuzz.For(
            TimeSpan.FromSeconds(1),
            () =>
            {
                var html = string.Concat(
                    Enumerable
                        .Range(0, random.Next(1, 4))
                        .Select(_ =>
                            RandomMarkup.Make(random)
                            + string.Concat(Enumerable.Repeat("😀", random.Next(3)))
                            + new string('x', random.Next(60))
                        )
                );
                var bytes = Encoding.UTF8.GetBytes(html);
                var max = random.Next(40, 400);
                var pieces = new List<string>();
                long? offset = 0;
                while (offset is { } at)
                {
                    if (ContentCutter.Cut(bytes, isMarkup: true, at, max, out var problem) is not { } cut)
                    {
                        problem.Should().Be(CutProblem.TooLargeToCut);
                        LongestTag(bytes).Should().BeGreaterThan(max, html);
                        return;
                    }

                    (cut.End - cut.Start).Should().BeLessThanOrEqualTo(max);
                    cut.TotalChars.Should().Be(html.EnumerateRunes().LongCount());
                    pieces.Add(Encoding.UTF8.GetString(bytes[cut.Start..cut.End]));
                    offset = cut.NextOffset;
                }

                string.Concat(pieces).Should().Be(html);
            }
        );
    }

    private static int LongestTag(byte[] html)
    {
        var longest = 0;
        var tokens = new HtmlTokenizer(html);
        while (tokens.Read())
        {
            longest = Math.Max(longest, tokens.Kind == HtmlTokenKind.Text && !tokens.IsCData ? 0 : tokens.End - tokens.Start);
        }

        return longest;
    }
}
