using Relay.Application.Completions;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A completion that a caller asked for. Without a sink it is wanted whole. <c>Left</c>: the caller has left.</summary>
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
