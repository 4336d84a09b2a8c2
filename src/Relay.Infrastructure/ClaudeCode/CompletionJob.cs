using Relay.Application.Completions;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A completion that a caller asked for.</summary>
/// <param name="KeyId">The key that pays.</param>
/// <param name="Model">The model to ask.</param>
/// <param name="Request">The caller's words and wishes.</param>
/// <param name="Sink">Takes the answer in pieces; null when the caller wants it whole.</param>
/// <param name="Generation">The engine's state when the job began.</param>
/// <param name="Profile">The profile of spares that fit.</param>
/// <param name="Spending">The job's cost so far.</param>
/// <param name="Left">Cancelled when the caller leaves.</param>
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
