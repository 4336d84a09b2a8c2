using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class StopSequencesTests
{
    [Theory]
    [InlineData("abcde", "cd", 2, "cd")]
    [InlineData("abcde", "x|de|bc", 1, "bc")]
    [InlineData("abab", "ab|aba", 0, "aba")]
    [InlineData("abcde", "x", -1, null)]
    [InlineData("", "x", -1, null)]
    public void The_first_in_the_text_wins_and_of_two_there_the_longer(string text, string sequences, int index, string? which)
    {
        var found = Of(sequences).Find(text);

        (found?.Index ?? -1, found?.Sequence).Should().Be((index, which));
    }

    [Theory]
    [InlineData("abc", "cd", 1)]
    [InlineData("abc", "bcd|cx", 2)]
    [InlineData("abc", "abcd", 3)]
    [InlineData("abc", "xa", 0)]
    [InlineData("aa", "aaa", 2)]
    [InlineData("", "a", 0)]
    [InlineData("abc", "abc", 0)]
    public void The_possible_beginning_of_a_sequence_is_held_back(string text, string sequences, int characters) =>
        Of(sequences).CountHeldBack(text).Should().Be(characters);

    [Fact]
    public void Cut_into_any_pieces_an_answer_ends_at_the_same_place_and_nothing_of_the_sequence_is_shown()
    {
        var random = new Random(5);
        for (var round = 0; round < 2000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => "ab"[random.Next(2)])]);
            var sequences = Of(
                string.Join(
                    '|',
                    Enumerable
                        .Range(0, random.Next(1, 3))
                        .Select(_ => new string([.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => "ab"[random.Next(2)])]))
                )
            );
            var (shown, length) = (0, 0);
            while (length < text.Length && sequences.Find(text.AsSpan(0, length)) is null)
            {
                length = Math.Min(text.Length, length + random.Next(1, 6));
                if (sequences.Find(text.AsSpan(0, length)) is { } found)
                {
                    shown.Should().BeLessThanOrEqualTo(found.Index, "what was shown can't be taken back");
                    break;
                }

                shown = length - sequences.CountHeldBack(text.AsSpan(0, length));
            }
        }
    }

    [Theory]
    [InlineData(0, 1, false)]
    [InlineData(1, 1, true)]
    [InlineData(16, 256, true)]
    [InlineData(17, 1, false)]
    [InlineData(1, 257, false)]
    [InlineData(1, 0, false)]
    public void There_are_one_to_sixteen_of_a_sensible_length(int count, int length, bool valid) =>
        (StopSequences.Create("stop", [.. Enumerable.Repeat(new string('x', length), count)]).Error is null).Should().Be(valid);

    [Fact]
    public void Null_is_no_sequence_and_none_is_printed()
    {
        StopSequences.Create("stop", [null]).Error!.Field.Should().Be("stop");
        Of("secret").ToString().Should().Be("***");
    }

    [Theory]
    [InlineData(0xD83D)]
    [InlineData(0xDE00)]
    public void Half_of_a_surrogate_pair_is_refused(int half)
    {
        StopSequences.Create("stop", ["x", $"a{(char)half}b"]).Error!.Field.Should().Be("stop");
        StopSequences.Create("stop", ["x", $"{(char)half}"]).Error!.Field.Should().Be("stop");
    }

    [Fact]
    public void Blank_ones_are_told_from_visible_ones()
    {
        var stop = StopSequences.Create("stop", ["\n\n", "END", " ", "\u00a0x"]).Value;

        stop.Visible.Should().Equal("END", "\u00a0x");
        stop.Blank!.Find("a b").Should().Be((1, " "));
        stop.Blank.Find("END").Should().BeNull();
        StopSequences.Create("stop", ["END"]).Value.Blank.Should().BeNull();
    }

    private static StopSequences Of(string sequences) => StopSequences.Create("stop", sequences.Split('|')).Value;
}
