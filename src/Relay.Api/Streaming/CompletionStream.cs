using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Http;
using Relay.Application.Completions;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Api.Streaming;

/// <summary>A completion as events, in the words of one of the APIs.</summary>
internal abstract class CompletionStream(EventStream stream) : ICompletionSink
{
    private bool _opened;

    /// <summary>The model that answers; null while nobody has named it.</summary>
    protected string? AnsweringModel { get; private set; }

    /// <summary>Runs it to its end.</summary>
    /// <param name="mediator">The way to the use case.</param>
    /// <param name="context">Who asks.</param>
    /// <param name="request">What to complete.</param>
    /// <param name="cancellationToken">The stream's own: cancelled also when its reader takes nothing.</param>
    /// <returns>What is left to answer: an error while nothing was sent, otherwise nothing.</returns>
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

        // A first comment that goes out just now takes the status with it. Not the stream's token: that may be why it failed.
        await stream.QuietAsync(CancellationToken.None);
        if (!stream.HasStarted)
        {
            return error.ToActionResult();
        }

        await stream.FailAsync(error, events => Fail(events, error), cancellationToken);
        return new EmptyResult();
    }

    /// <inheritdoc/>
    public void TakeModel(ModelName model) => AnsweringModel = model.Value;

    /// <inheritdoc/>
    public ValueTask WriteAsync(AnswerPiece piece, CancellationToken cancellationToken) =>
        stream.SendAsync(
            events =>
            {
                OpenOnce(events);
                Continue(events, piece);
            },
            cancellationToken
        );

    /// <summary>What comes before the first piece. The model is known by then.</summary>
    protected abstract void Open(EventBuffer events);

    /// <summary>The next piece of the answer.</summary>
    protected abstract void Continue(EventBuffer events, AnswerPiece piece);

    /// <summary>The end of a whole answer.</summary>
    protected abstract void Close(EventBuffer events, Completion completion);

    /// <summary>The end of one that failed, perhaps before <see cref="Open"/>.</summary>
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
