using System.Text.Json;
using Relay.Api.Http;
using Relay.Api.OpenAi;

namespace Relay.UnitTests.Api.OpenAi;

public sealed class ChatCompletionAnswerTests
{
    [Theory]
    [InlineData("I would rather not.", "I would rather not.")]
    [InlineData(" ", "The model declined to answer this prompt.")]
    public void A_refusal_stands_in_its_own_field(string words, string refusal)
    {
        var completion = Any.Completion(words) with { StopReason = "refusal" };

        JsonSerializer
            .Serialize(ChatMessageContract.From(completion), JsonContract.Options)
            .Should()
            .Be($$"""{"role":"assistant","content":null,"refusal":"{{refusal}}"}""");
        FinishReason.From(completion.StopReason).Should().Be("content_filter");
    }

    [Fact]
    public void An_answer_without_words_is_no_refusal() =>
        JsonSerializer
            .Serialize(ChatMessageContract.From(Any.Completion("")), JsonContract.Options)
            .Should()
            .Be("""{"role":"assistant","content":"","refusal":null}""");
}
