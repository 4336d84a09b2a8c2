using MediatR;
using Relay.Application.Fleet;
using Relay.Domain;

namespace Relay.Application.Health;

/// <summary>Asks whether a completion can succeed now, and if not, why.</summary>
public sealed record GetReadinessQuery : IRequest<Result<Readiness>>;

/// <param name="Problems">The problems that keep completions from succeeding; empty when ready.</param>
/// <param name="Engine">The status of the engine.</param>
/// <param name="Warnings">Faults with which completions still succeed.</param>
/// <param name="Fleet">The relays that share one state, as last heard; null for a relay with its own state.</param>
public sealed record Readiness(
    IReadOnlyList<RelayError> Problems,
    EngineStatus Engine,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<FleetMember>? Fleet
)
{
    /// <summary>Whether a completion can succeed now.</summary>
    public bool IsReady => Problems.Count == 0;
}

internal sealed class GetReadinessHandler(ReadinessProbe probe) : IRequestHandler<GetReadinessQuery, Result<Readiness>>
{
    public Task<Result<Readiness>> Handle(GetReadinessQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<Result<Readiness>>(probe.Read());
}
