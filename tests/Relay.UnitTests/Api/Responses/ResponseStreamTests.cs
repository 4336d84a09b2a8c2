using System.ClientModel.Primitives;
using System.Net.ServerSentEvents;
using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NSubstitute;
using OpenAI.Responses;
using Relay.Api.Http;
using Relay.Api.Responses;
using Relay.Api.Streaming;
using Relay.Application.Completions;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Api.Responses;

/// <summary>The sequence of events, each read by OpenAI's own types as well.</summary>
public sealed class ResponseStreamTests
{
    [Fact]
    public async Task An_answer_is_a_message_whose_text_comes_in_deltas()
    {
        var events = await RunAsync(Any.Completion("Hello there."), "Hello", " there.");

        Types(events).Should().Equal(
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
            "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed");
        Read<StreamingResponseCreatedUpdate>(events[0]).Response.Status.Should().Be(OpenAI.Responses.ResponseStatus.InProgress);
        string.Concat(events.Where(item => item.Type == "response.output_text.delta").Select(item => Read<StreamingResponseOutputTextDeltaUpdate>(item).Delta)).Should().Be("Hello there.");
        Read<StreamingResponseOutputTextDoneUpdate>(events[6]).Text.Should().Be("Hello there.");
        var completed = Read<StreamingResponseCompletedUpdate>(events[^1]).Response;
        completed.GetOutputText().Should().Be("Hello there.");
        completed.Usage.Should().BeEquivalentTo(new { InputTokenCount = 8, OutputTokenCount = 2, TotalTokenCount = 10 });
        completed.OutputItems.Should().ContainSingle().Which.Id.Should().Be(Read<StreamingResponseOutputItemAddedUpdate>(events[2]).Item.Id).And.Be("msg_100");
    }

    [Fact]
    public async Task An_answer_without_words_is_a_message_with_an_empty_text()
    {
        var events = await RunAsync(Any.Completion(string.Empty));

        Types(events).Should().Equal(
            "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.done",
            "response.content_part.done", "response.output_item.done", "response.completed");
    }

    [Fact]
    public async Task An_answer_that_a_cap_cut_is_incomplete()
    {
        var events = await RunAsync(Any.Completion("Hel") with { StopReason = "max_tokens" }, "Hel");

        var response = Read<StreamingResponseIncompleteUpdate>(events[^1]).Response;
        (response.Status, response.IncompleteStatusDetails.Reason).Should().Be((OpenAI.Responses.ResponseStatus.Incomplete, ResponseIncompleteStatusReason.MaxOutputTokens));
        ((MessageResponseItem)response.OutputItems[0]).Status.Should().Be(MessageStatus.Incomplete);
    }

    [Theory]
    [InlineData("No.", 2)]
    [InlineData("", 1)]
    public async Task A_refusal_is_a_part_of_its_own(string words, int parts)
    {
        var events = await RunAsync(Any.Completion(words) with { StopReason = "refusal" }, words.Length == 0 ? [] : [words]);

        Types(events).Should().ContainInOrder("response.content_part.added", "response.refusal.delta", "response.refusal.done", "response.content_part.done", "response.output_item.done", "response.completed");
        var message = (MessageResponseItem)Read<StreamingResponseCompletedUpdate>(events[^1]).Response.OutputItems[0];
        message.Content.Should().HaveCount(parts);
        message.Content[^1].Refusal.Should().Be(words.Length == 0 ? "The model declined to answer this prompt." : words);
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
        JsonElement.DeepEquals(whole.GetProperty("output")[0], events.Single(item => item.Type == "response.output_item.done").Json.GetProperty("item")).Should().BeTrue();
        var begun = events[0].Json.GetProperty("response");
        foreach (var field in (string[])["id", "created_at", "model", "instructions", "metadata", "text"])
        {
            JsonElement.DeepEquals(begun.GetProperty(field), whole.GetProperty(field)).Should().BeTrue(field);
        }
    }

    private static IEnumerable<string> Types(IEnumerable<Seen> events) => events.Select(item => item.Type);

    private static T Read<T>(Seen item)
        where T : StreamingResponseUpdate =>
        ModelReaderWriter.Read<StreamingResponseUpdate>(BinaryData.FromString(item.Json.GetRawText())).Should().BeOfType<T>().Which;

    /// <summary>The events of an answer. Their numbers and their names are checked for all.</summary>
    private static async Task<IReadOnlyList<Seen>> RunAsync(Result<Completion> result, params string[] words)
    {
        using var wire = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(wire));
        context.Features.Set<IHttpResponseFeature>(new StartedResponse());
        context.Features.Set(new RequestLogEntry("req_1"));
        var mediator = Substitute.For<IMediator>();
        mediator.Send(Arg.Any<CompleteCommand>(), Arg.Any<CancellationToken>()).Returns(async call =>
        {
            var sink = call.Arg<CompleteCommand>().Sink!;
            sink.TakeModel(Any.Model());
            foreach (var text in words)
            {
                await sink.WriteAsync(new WordsPiece(text), Waiting.Token);
            }

            return result;
        });
        await using (var stream = new EventStream(context, new ServerOptions { HeartbeatAfter = TimeSpan.Zero }, TimeProvider.System))
        {
            var echo = new ResponseEcho { Instructions = "Be brief." };
            var response = new ResponseStream(stream, new ResponseIds("req_1"), model => ResponseContract.Begin("resp_1", 5, model ?? "x", echo), TimeProvider.System);
            await response.RunAsync(mediator, Any.Context(), Any.Request(), Waiting.Token);
        }

        wire.Position = 0;
        var events = SseParser.Create(wire).Enumerate().Select(item => new Seen(item.EventType, JsonElement.Parse(item.Data))).ToList();
        events.Select(item => item.Json.GetProperty("sequence_number").GetInt32()).Should().Equal(Enumerable.Range(0, events.Count));
        events.Should().OnlyContain(item => item.Json.GetProperty("type").GetString() == item.Type);
        return events;
    }

    /// <summary>Of the events that were sent the head is gone.</summary>
    private sealed class StartedResponse : HttpResponseFeature
    {
        public override bool HasStarted => true;
    }

    private sealed record Seen(string Type, JsonElement Json);
}
