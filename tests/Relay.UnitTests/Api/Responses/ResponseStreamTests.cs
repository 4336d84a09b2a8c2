using System.ClientModel.Primitives;
using System.Text.Json;
using OpenAI.Responses;
using Relay.Api.Http;
using Relay.Api.Responses;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.UnitTests.Api.Responses;

/// <summary>The sequence of events, each read by OpenAI's own types as well.</summary>
public sealed class ResponseStreamTests
{
    [Fact]
    public async Task An_answer_is_a_message_whose_text_comes_in_deltas()
    {
        var events = await RunAsync(Any.Completion("Hello there."), "Hello", " there.");

        Types(events)
            .Should()
            .Equal(
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed"
            );
        Read<StreamingResponseCreatedUpdate>(events[0]).Response.Status.Should().Be(OpenAI.Responses.ResponseStatus.InProgress);
        string.Concat(
                events
                    .Where(item => item.Type == "response.output_text.delta")
                    .Select(item => Read<StreamingResponseOutputTextDeltaUpdate>(item).Delta)
            )
            .Should()
            .Be("Hello there.");
        Read<StreamingResponseOutputTextDoneUpdate>(events[6]).Text.Should().Be("Hello there.");
        var completed = Read<StreamingResponseCompletedUpdate>(events[^1]).Response;
        completed.GetOutputText().Should().Be("Hello there.");
        completed
            .Usage.Should()
            .BeEquivalentTo(
                new
                {
                    InputTokenCount = 8,
                    OutputTokenCount = 2,
                    TotalTokenCount = 10,
                }
            );
        completed
            .OutputItems.Should()
            .ContainSingle()
            .Which.Id.Should()
            .Be(Read<StreamingResponseOutputItemAddedUpdate>(events[2]).Item.Id)
            .And.Be("msg_100");
    }

    [Fact]
    public async Task An_answer_without_words_is_a_message_with_an_empty_text()
    {
        var events = await RunAsync(Any.Completion(string.Empty), Array.Empty<AnswerPiece>());

        Types(events)
            .Should()
            .Equal(
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed"
            );
    }

    [Fact]
    public async Task An_answer_that_a_cap_cut_is_incomplete()
    {
        var events = await RunAsync(Any.Completion("Hel") with { StopReason = "max_tokens" }, "Hel");

        var response = Read<StreamingResponseIncompleteUpdate>(events[^1]).Response;
        (response.Status, response.IncompleteStatusDetails.Reason)
            .Should()
            .Be((OpenAI.Responses.ResponseStatus.Incomplete, ResponseIncompleteStatusReason.MaxOutputTokens));
        ((MessageResponseItem)response.OutputItems[0]).Status.Should().Be(MessageStatus.Incomplete);
    }

    [Theory]
    [InlineData("No.", 2)]
    [InlineData("", 1)]
    public async Task A_refusal_is_a_part_of_its_own(string words, int parts)
    {
        var events = await RunAsync(Any.Completion(words) with { StopReason = "refusal" }, words.Length == 0 ? [] : [words]);

        Types(events)
            .Should()
            .ContainInOrder(
                "response.content_part.added",
                "response.refusal.delta",
                "response.refusal.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed"
            );
        var message = (MessageResponseItem)Read<StreamingResponseCompletedUpdate>(events[^1]).Response.OutputItems[0];
        message.Content.Should().HaveCount(parts);
        message.Content[^1].Refusal.Should().Be(words.Length == 0 ? "The model declined to answer this prompt." : words);
    }

    [Fact]
    public async Task Words_thoughts_and_calls_are_items_of_their_own_in_the_models_order()
    {
        var (bern, chur) = (Call("call_1", """{"city":"Bern"}"""), Call("call_2", "{}"));
        var completion = Any.Completion("Let me look.") with
        {
            StopReason = "tool_use",
            Content = [new AnswerThought("Hm.", "sig"), new AnswerText("Let me look."), new AnswerCall(bern), new AnswerCall(chur)],
        };
        var events = await RunAsync(
            completion,
            new ThoughtPiece("H"),
            new ThoughtPiece("m."),
            new ThoughtEnds(new AnswerThought("Hm.", "sig")),
            new WordsPiece("Let me look."),
            new CallBegins("call_1", "weather"),
            new CallInputPiece("""{"city":"""),
            new CallInputPiece("\"Bern\"}"),
            new CallEnds(bern),
            new CallBegins("call_2", "weather"),
            new CallEnds(chur)
        );

        Types(events)
            .Should()
            .Equal(
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.reasoning_summary_part.added",
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed"
            );
        Read<StreamingResponseReasoningSummaryTextDoneUpdate>(events[6]).Text.Should().Be("Hm.");
        Read<StreamingResponseFunctionCallArgumentsDoneUpdate>(events[18]).FunctionArguments.ToString().Should().Be("""{"city":"Bern"}""");
        var output = Read<StreamingResponseCompletedUpdate>(events[^1]).Response.OutputItems;
        (output[0] is ReasoningResponseItem, output[1] is MessageResponseItem, output.Count).Should().Be((true, true, 4));
        output
            .OfType<FunctionCallResponseItem>()
            .Select(call => (call.CallId, call.FunctionName, call.FunctionArguments.ToString(), call.Status))
            .Should()
            .Equal(
                ("call_1", "weather", """{"city":"Bern"}""", FunctionCallStatus.Completed),
                ("call_2", "weather", "{}", FunctionCallStatus.Completed)
            );
        events
            .Where(item => item.Json.TryGetProperty("output_index", out _))
            .Select(item => item.Json.GetProperty("output_index").GetInt32())
            .Should()
            .BeInAscendingOrder()
            .And.EndWith(3);
        // The whole answer has the same items.
        var whole = JsonSerializer.SerializeToElement(
            Relay.Api.Responses.ResponseItems.Of(completion, new ResponseIds("req_1")),
            JsonContract.Options
        );
        JsonElement.DeepEquals(whole, events[^1].Json.GetProperty("response").GetProperty("output")).Should().BeTrue();
    }

    [Fact]
    public async Task A_call_that_the_cap_cut_off_is_incomplete()
    {
        var events = await RunAsync(
            Any.Completion(string.Empty) with
            {
                StopReason = "max_tokens",
            },
            new CallBegins("call_1", "weather"),
            new CallInputPiece("""{"ci""")
        );

        Types(events).Should().EndWith(["response.function_call_arguments.done", "response.output_item.done", "response.incomplete"]);
        ((FunctionCallResponseItem)Read<StreamingResponseIncompleteUpdate>(events[^1]).Response.OutputItems[0])
            .Status.Should()
            .Be(FunctionCallStatus.Incomplete);
    }

    [Fact]
    public async Task A_failure_after_words_is_an_error_event()
    {
        var events = await RunAsync(new RelayError(ErrorCode.UpstreamError, "It broke."), "Hel");

        var error = Read<StreamingResponseErrorUpdate>(events[^1]);
        (error.Message, error.Code, error.SequenceNumber).Should().Be(("It broke.", "upstream_error", 5));
    }

    [Fact]
    public async Task A_stream_repeats_in_its_end_what_it_said_on_the_way()
    {
        var events = await RunAsync(Any.Completion("Hi."), "Hi.");

        var whole = events[^1].Json.GetProperty("response");
        JsonElement
            .DeepEquals(
                whole.GetProperty("output")[0],
                events.Single(item => item.Type == "response.output_item.done").Json.GetProperty("item")
            )
            .Should()
            .BeTrue();
        var begun = events[0].Json.GetProperty("response");
        foreach (var field in (string[])["id", "created_at", "model", "instructions", "metadata", "text"])
        {
            JsonElement.DeepEquals(begun.GetProperty(field), whole.GetProperty(field)).Should().BeTrue(field);
        }
    }

    [Fact]
    public async Task A_caller_who_may_refer_to_items_gets_one_that_carries_the_others()
    {
        using var seal = new ItemSeal(KeySecret.Generate());
        var call = Call("call_1", "{}");
        var events = await RunAsync(
            seal.Carry,
            Any.Completion("Let me look."),
            new WordsPiece("Let me look."),
            new CallBegins("call_1", "weather"),
            new CallEnds(call)
        );

        Types(events).Should().EndWith(["response.output_item.added", "response.output_item.done", "response.completed"]);
        var output = Read<StreamingResponseCompletedUpdate>(events[^1]).Response.OutputItems;
        output.Should().HaveCount(3);
        var carrier = output[2].Should().BeOfType<ReasoningResponseItem>().Which;
        carrier.SummaryParts.Should().BeEmpty();
        seal.Open(carrier.Id)
            .Select(item => JsonSerializer.Serialize(item, item.GetType(), JsonContract.Options))
            .Should()
            .Equal(
                events[^1].Json.GetProperty("response").GetProperty("output").EnumerateArray().Take(2).Select(item => item.GetRawText())
            );
    }

    private static IEnumerable<string> Types(IEnumerable<StreamedEvent> events) => events.Select(item => item.Type);

    private static T Read<T>(StreamedEvent item)
        where T : StreamingResponseUpdate =>
        ModelReaderWriter.Read<StreamingResponseUpdate>(BinaryData.FromString(item.Json.GetRawText())).Should().BeOfType<T>().Which;

    /// <summary>The events of an answer. Their numbers and their names are checked for all.</summary>
    private static Task<IReadOnlyList<StreamedEvent>> RunAsync(Result<Completion> result, params string[] words) =>
        RunAsync(result, [.. words.Select(text => (AnswerPiece)new WordsPiece(text))]);

    private static ToolCall Call(string id, string input) => ToolCall.OfModel(id, "weather", input)!;

    private static Task<IReadOnlyList<StreamedEvent>> RunAsync(Result<Completion> result, params AnswerPiece[] pieces) =>
        RunAsync(null, result, pieces);

    private static async Task<IReadOnlyList<StreamedEvent>> RunAsync(
        Func<IEnumerable<object>, ResponseThoughts>? carry,
        Result<Completion> result,
        params AnswerPiece[] pieces
    )
    {
        var echo = new ResponseEcho { Instructions = "Be brief." };
        var events = await StreamedAnswer.RunAsync(
            stream => new ResponseStream(
                stream,
                new ResponseIds("req_1"),
                model => ResponseContract.Begin("resp_1", 5, model ?? "x", echo),
                TimeProvider.System,
                carry
            ),
            result,
            pieces
        );
        events.Select(item => item.Json.GetProperty("sequence_number").GetInt32()).Should().Equal(Enumerable.Range(0, events.Count));
        events.Should().OnlyContain(item => item.Json.GetProperty("type").GetString() == item.Type);
        return events;
    }
}
