using System.Net.ServerSentEvents;
using System.Text.Json;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NSubstitute;
using Relay.Api.Http;
using Relay.Api.Streaming;
using Relay.Application.Completions;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.UnitTests.Support;

/// <summary>An event of an answer.</summary>
internal sealed record StreamedEvent(string Type, JsonElement Json);

/// <summary>Runs an answer through the stream of one API, without a server.</summary>
internal static class StreamedAnswer
{
    /// <summary>The events of an answer.</summary>
    /// <param name="make">Makes the stream of the API.</param>
    /// <param name="result">The end.</param>
    /// <param name="pieces">The pieces that come before it.</param>
    public static async Task<IReadOnlyList<StreamedEvent>> RunAsync(
        Func<EventStream, CompletionStream> make,
        Result<Completion> result,
        IReadOnlyList<AnswerPiece> pieces
    )
    {
        using var wire = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(wire));
        context.Features.Set<IHttpResponseFeature>(new StartedResponse());
        context.Features.Set(new RequestLogEntry("req_1"));
        var mediator = Substitute.For<IMediator>();
        mediator
            .Send(Arg.Any<CompleteCommand>(), Arg.Any<CancellationToken>())
            .Returns(async call =>
            {
                var sink = call.Arg<CompleteCommand>().Sink!;
                sink.TakeModel(Any.Model());
                foreach (var piece in pieces)
                {
                    await sink.WriteAsync(piece, Waiting.Token);
                }

                return result;
            });
        await using (var stream = new EventStream(context, new ServerOptions { HeartbeatAfter = TimeSpan.Zero }, TimeProvider.System))
        {
            await make(stream).RunAsync(mediator, Any.Context(), Any.Request(), Waiting.Token);
        }

        wire.Position = 0;
        return [.. SseParser.Create(wire).Enumerate().Select(item => new StreamedEvent(item.EventType, JsonElement.Parse(item.Data)))];
    }

    /// <summary>A response whose head is gone.</summary>
    private sealed class StartedResponse : HttpResponseFeature
    {
        public override bool HasStarted => true;
    }
}
