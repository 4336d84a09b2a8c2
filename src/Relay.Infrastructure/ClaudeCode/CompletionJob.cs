using Relay.Application.Completions;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// A completion that a caller asked for. Without a sink the caller wants the answer whole. <c>Left</c> is cancelled when the caller leaves.
/// </summary>
internal sealed record CompletionJob(
    string KeyId,
    ModelName Model,
    CompletionRequest Request,
    ICompletionSink? Sink,
    EngineGeneration Generation,
    ProfileId Profile,
    Spending Spending,
    CancellationToken Left
);
