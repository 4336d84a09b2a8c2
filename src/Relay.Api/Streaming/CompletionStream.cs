using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Application.Completions;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Api.Streaming;

/// <summary>A completion as events, in the format of one of the APIs.</summary>
internal abstract class CompletionStream(EventStream stream) : ICompletionSink
{
    private bool _opened;

    /// <summary>The model that answers; null before it is known.</summary>
    protected string? AnsweringModel { get; private set; }

    /// <summary>
    /// Runs the completion to its end. The token is the stream's own, cancelled also when its reader takes nothing. The result is an error
    /// when nothing was sent, otherwise empty.
    /// </summary>
    public async Task<IActionResult> RunAsync(
        IMediator mediator,
        RequestContext context,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var result = await mediator.Send(new CompleteCommand(context, request, this), cancellationToken);
        if (result.TryGet(out var completion, out var error))
        {
            await stream.CloseAsync(
                events =>
                {
                    TakeModel(completion.Model);
                    OpenOnce(events);
                    Close(events, completion);
                },
                cancellationToken
            );
            return new EmptyResult();
        }

        // A first comment that is on its way takes the status with it. Not the stream's token, which may be the cause of the failure.
        await stream.QuietAsync(CancellationToken.None);
        if (!stream.HasStarted)
        {
            return error.ToActionResult();
        }

        await stream.FailAsync(error, events => Fail(events, error), cancellationToken);
        return new EmptyResult();
    }

    public void TakeModel(ModelName model) => AnsweringModel = model.Value;

    public ValueTask WriteAsync(AnswerPiece piece, CancellationToken cancellationToken) =>
        stream.SendAsync(
            events =>
            {
                OpenOnce(events);
                Continue(events, piece);
            },
            cancellationToken
        );

    /// <summary>Writes the events before the first piece. The model is known by then.</summary>
    protected abstract void Open(EventBuffer events);

    /// <summary>Writes the next piece of the answer.</summary>
    protected abstract void Continue(EventBuffer events, AnswerPiece piece);

    /// <summary>Writes the end of a whole answer.</summary>
    protected abstract void Close(EventBuffer events, Completion completion);

    /// <summary>Writes the end of an answer that failed, perhaps before <see cref="Open"/>.</summary>
    protected abstract void Fail(EventBuffer events, RelayError error);

    private void OpenOnce(EventBuffer events)
    {
        if (!_opened)
        {
            _opened = true;
            Open(events);
        }
    }
}
