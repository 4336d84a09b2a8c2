using MediatR;
using Relay.Application.Fleet;
using Relay.Application.Quotas;
using Relay.Domain;

namespace Relay.Application.Health;

/// <summary>Can a completion succeed now, and if not, why not.</summary>
public sealed record GetReadinessQuery : IRequest<Result<Readiness>>;

/// <param name="Problems">What stands in the way; empty when ready.</param>
/// <param name="Engine">What the engine runs on.</param>
/// <param name="Warnings">What works worse than it should, and yet in no way stands in the way.</param>
/// <param name="Fleet">The relays that share one state, as last heard; null for one that has its own.</param>
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

/// <summary>What the completion engine runs on.</summary>
/// <param name="ClaudeVersion">The version in use; null when there is none.</param>
/// <param name="Sandbox"><c>bwrap</c>, or <c>off</c> with the reason in <paramref name="SandboxNote"/>.</param>
/// <param name="SandboxNote">Why there is no jail; null with one.</param>
/// <param name="LockdownVerified">Whether the last self-test passed.</param>
/// <param name="Problems">What keeps the engine from working; empty when it works.</param>
public sealed record EngineStatus(
    string? ClaudeVersion,
    string Sandbox,
    string? SandboxNote,
    bool LockdownVerified,
    IReadOnlyList<RelayError> Problems
)
{
    /// <summary>UTC; when the self-test passed that counts now; null when none did.</summary>
    public DateTimeOffset? LockdownVerifiedAt { get; init; }

    /// <summary>When the Claude login ends and has to be made again; null when nobody knows.</summary>
    public DateTimeOffset? LoginEndsAt { get; init; }
}

/// <summary>The engine's own word on whether it works.</summary>
public interface IEngineHealth
{
    /// <summary>As of now; costs nothing.</summary>
    EngineStatus Status { get; }
}

/// <summary>A part of the relay that works on after a failure, and whose failure the operator must see.</summary>
public interface IHealthCheck
{
    /// <summary>Which part it is, as one word: <c>audit_log</c>, <c>database</c>, <c>keys</c>, <c>state</c>, <c>usage</c>.</summary>
    string Part { get; }

    /// <summary>What is wrong, and what to do about it; null while nothing is. Costs nothing.</summary>
    string? Problem { get; }

    /// <summary>What works worse than it should while completions go on; null while nothing does. Costs nothing.</summary>
    string? Warning => null;
}

internal sealed class GetReadinessHandler(IEngineHealth engine, IAdmission admission, IEnumerable<IHealthCheck> checks, IFleet fleet)
    : IRequestHandler<GetReadinessQuery, Result<Readiness>>
{
    public Task<Result<Readiness>> Handle(GetReadinessQuery query, CancellationToken cancellationToken)
    {
        var status = engine.Status;
        IEnumerable<RelayError> stopping = admission.IsClosed
            ? [new RelayError(ErrorCode.ShuttingDown, "The relay is stopping: what runs may end, nothing new is let in.")]
            : [];
        var problems = stopping
            .Concat(status.Problems)
            .Concat(
                checks.Select(check => check.Problem).OfType<string>().Select(problem => new RelayError(ErrorCode.InternalError, problem))
            )
            .ToList();
        var warnings = checks.Select(check => check.Warning).OfType<string>().ToList();
        return Task.FromResult<Result<Readiness>>(new Readiness(problems, status, warnings, fleet.Known));
    }
}
