using System.Text.Json;
using Relay.Api.Anthropic;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.Anthropic;

public sealed class MessageStreamTests
{
    private const string Place =
        """{"type":"page_location","cited_text":"é","document_index":0,"start_page_number":1,"end_page_number":2}""";

    private static readonly AnswerText Cited = new("Cited.") { Citations = [Place] };

    [Fact]
    public async Task Citations_come_in_the_block_of_their_words()
    {
        var plain = new AnswerText("Plain. ");
        var events = await StreamedAnswer.RunAsync(
            stream => new MessageStream(stream, "msg_1", () => "m", "req_1", 5),
            Any.Completion("Plain. Cited."),
            [new WordsPiece("Plain. "), new WordsEnd(plain), new WordsPiece("Cited."), new CitationPiece(Place), new WordsEnd(Cited)]
        );

        events
            .Select(item => item.Type)
            .Should()
            .Equal(
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "content_block_start",
                "content_block_delta",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            );
        events.Skip(1).Take(7).Select(item => item.Json.GetProperty("index").GetInt32()).Should().Equal(0, 0, 0, 1, 1, 1, 1);
        events[6].Json.GetProperty("delta").GetRawText().Should().Be($$"""{"type":"citations_delta","citation":{{Place}}}""");
    }

    [Fact]
    public void A_whole_answer_has_the_same_blocks()
    {
        var completion = Any.Completion("Plain. Cited.") with { Content = [new AnswerText("Plain. "), Cited] };

        JsonSerializer
            .Serialize(AnswerBlockContracts.Of(completion), JsonContract.Options)
            .Should()
            .Be($$"""[{"type":"text","text":"Plain. "},{"type":"text","text":"Cited.","citations":[{{Place}}]}]""");
        JsonSerializer
            .SerializeToElement(CompleteAnswer.From(completion, OutputFormat.Text, TimeSpan.Zero), JsonContract.Options)
            .GetProperty("citations")
            .GetRawText()
            .Should()
            .Be($$"""[{"type":"text","text":"Cited.","citations":[{{Place}}]}]""");
    }
}
