using System.Text;
using System.Text.Json;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class PromptTextTests
{
    [Theory]
    [InlineData("hi", 2)]
    [InlineData(" hi ", 4)]
    [InlineData("ä", 2)]
    [InlineData("€", 3)]
    [InlineData("😀", 4)]
    [InlineData("\0", 1)]
    [InlineData("a\u2028b", 5)]
    [InlineData("\uFEFFa", 4)]
    [InlineData("e\u0301", 3)]
    public void Words_are_kept_as_written_and_counted_in_UTF_8(string text, int bytes)
    {
        var prompt = PromptText.Create("prompt", text).Value;

        prompt.Reveal().Should().Be(text);
        prompt.Utf8Bytes.Should().Be(bytes).And.Be(Encoding.UTF8.GetByteCount(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\t\r\n\v\f")]
    [InlineData("\u00A0")]
    [InlineData("\u0085")]
    [InlineData("\u1680")]
    [InlineData("\u2000\u200A")]
    [InlineData("\u2028\u2029")]
    [InlineData("\u202F\u205F\u3000")]
    public void Blank_text_is_refused(string text) =>
        PromptText
            .Create("system", text)
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.InvalidRequest, Field = "system" })
            .And.Match<RelayError>(error => error.Message.Contains("'system' is blank"));

    [Fact]
    public void A_missing_text_is_called_missing() =>
        PromptText
            .Create("prompt", null)
            .Error.Should()
            .Match<RelayError>(error => error.Field == "prompt" && error.Message.Contains("required"));

    public static TheoryData<string> BrokenTexts =>
        [
            new string(['\uD83D']),
            new string(['\uDE00']),
            new string(['a', '\uD83D', 'b']),
            new string(['\uDE00', '\uD83D']),
            new string(['\uD83D', '\uD83D', '\uDE00']),
        ];

    [Theory]
    [MemberData(nameof(BrokenTexts), DisableDiscoveryEnumeration = true)]
    public void Half_a_surrogate_pair_is_refused(string text) =>
        PromptText
            .Create("prompt", text)
            .Error.Should()
            .Match<RelayError>(error => error.Field == "prompt" && error.Message.Contains("surrogate"));

    [Fact]
    public void It_never_prints_or_serialises_its_words()
    {
        const string words = "the launch code is 0000";
        var request = CompletionRequest.Create(words, words, "opus").Value;

        $"{request.Conversation} {request.Conversation.Last} {request}".Should().Contain("***").And.NotContain("launch");
        JsonSerializer.Serialize(request).Should().NotContain("launch");
    }

    [Fact]
    public void Equality_is_by_the_exact_words()
    {
        Any.Text("a").Should().Be(Any.Text("a"));
        Any.Text("a").GetHashCode().Should().Be(Any.Text("a").GetHashCode());
        Any.Text("a").Should().NotBe(Any.Text("A"));
        Any.Text("\u00E9").Should().NotBe(Any.Text("e\u0301"));
        Any.Text("a").Equals((object)"a").Should().BeFalse();
    }
}
