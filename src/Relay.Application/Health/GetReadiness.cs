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

/// <summary>The status of the completion engine.</summary>
/// <param name="ClaudeVersion">The version in use; null before one has passed the self-test.</param>
/// <param name="Sandbox"><c>bwrap</c>, or <c>off</c> with the reason in <paramref name="SandboxNote"/>.</param>
/// <param name="SandboxNote">The reason why there is no jail; null with one.</param>
/// <param name="LockdownVerified">Whether the last self-test passed.</param>
/// <param name="Problems">The problems that keep the engine from working; empty when it works.</param>
public sealed record EngineStatus(
    string? ClaudeVersion,
    string Sandbox,
    string? SandboxNote,
    bool LockdownVerified,
    IReadOnlyList<RelayError> Problems
)
{
    /// <summary>UTC; the time of the self-test that counts now; null when none passed.</summary>
    public DateTimeOffset? LockdownVerifiedAt { get; init; }

    /// <summary>The time when the Claude login ends and has to be made again; null when it is unknown.</summary>
    public DateTimeOffset? LoginEndsAt { get; init; }
}

/// <summary>Tells whether the engine works.</summary>
public interface IEngineHealth
{
    /// <summary>The status now. Costs nothing.</summary>
    EngineStatus Status { get; }
}

/// <summary>A part of the relay that works on after a failure, and whose failure the operator must see.</summary>
public interface IHealthCheck
{
    /// <summary>The part, as one word: <c>audit_log</c>, <c>database</c>, <c>keys</c>, <c>state</c>, <c>usage</c>.</summary>
    string Part { get; }

    /// <summary>The fault, and what to do about it; null for none. Costs nothing.</summary>
    string? Problem { get; }

    /// <summary>A fault with which completions go on; null for none. Costs nothing.</summary>
    string? Warning => null;
}

internal sealed class GetReadinessHandler(ReadinessProbe probe) : IRequestHandler<GetReadinessQuery, Result<Readiness>>
{
    public Task<Result<Readiness>> Handle(GetReadinessQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<Result<Readiness>>(probe.Read());
}
