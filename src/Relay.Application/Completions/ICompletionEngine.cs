using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Completions;

/// <summary>Runs completions, each in its own locked-down process.</summary>
public interface ICompletionEngine
{
    /// <summary>
    /// Whether <see cref="CompletionRequest.Parameters"/> and <see cref="CompletionRequest.Tools"/> reach the model. Otherwise parameters
    /// have no effect, and tools are an error.
    /// </summary>
    bool TakesParameters { get; }

    /// <summary>
    /// Runs one completion. When the token is cancelled, or the time limit passes, the process and its group are gone within a second.
    /// </summary>
    /// <param name="keyId">The id of the caller's key. A process that was prepared for one key never serves another.</param>
    /// <param name="model">An allow-listed model.</param>
    /// <param name="request">The completion.</param>
    /// <param name="sink">
    /// Gets the pieces of the answer as they come; together they are the answer. Null for none. An answer that must fit a schema comes at
    /// its end, all at once, after the check that it fits.
    /// </param>
    /// <param name="spending">Notes, as they happen, the call of the API and the tokens that it counted.</param>
    /// <param name="cancellationToken">Cancelled when the caller leaves.</param>
    /// <returns>
    /// The answer, or one of <see cref="ErrorCode.PromptTooLong"/>, <see cref="ErrorCode.UnknownModel"/>,
    /// <see cref="ErrorCode.UpstreamRateLimited"/>, <see cref="ErrorCode.UpstreamError"/>, <see cref="ErrorCode.NotLoggedIn"/>,
    /// <see cref="ErrorCode.SchemaNotSatisfied"/>, <see cref="ErrorCode.InvalidRequest"/> for an invalid schema,
    /// <see cref="ErrorCode.ClaudeMissing"/>, <see cref="ErrorCode.LockdownViolation"/>, <see cref="ErrorCode.Overloaded"/>, and
    /// <see cref="ErrorCode.Timeout"/>.
    /// </returns>
    Task<Result<Completion>> CompleteAsync(
        string keyId,
        ModelName model,
        CompletionRequest request,
        ICompletionSink? sink,
        Spending spending,
        CancellationToken cancellationToken
    );
}
