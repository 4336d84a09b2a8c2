using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Application.Completions;

/// <summary>Takes an answer as it comes.</summary>
public interface ICompletionSink
{
    /// <summary>Takes the model that answers, as Anthropic's API names it. Comes before the first words.</summary>
    void TakeModel(ModelName model);

    /// <summary>
    /// Takes the next piece. The model waits meanwhile: an implementation bounds the time, and cancels the request of a reader
    /// that takes nothing.
    /// </summary>
    ValueTask WriteAsync(AnswerPiece piece, CancellationToken cancellationToken);
}
