using Relay.Application.Fleet;
using Relay.Application.Quotas;
using Relay.Domain;

namespace Relay.Application.Health;

/// <summary>Collects the problems of all parts of the relay.</summary>
internal sealed class ReadinessProbe(IEngineHealth engine, IAdmission admission, IEnumerable<IHealthCheck> checks, IFleet fleet)
{
    public Readiness Read()
    {
        var status = engine.Status;
        IEnumerable<RelayError> stopping = admission.IsClosed
            ? [new RelayError(ErrorCode.ShuttingDown, "The relay is stopping: running requests may end, and new ones are refused.")]
            : [];
        var problems = stopping
            .Concat(status.Problems)
            .Concat(
                checks.Select(check => check.Problem).OfType<string>().Select(problem => new RelayError(ErrorCode.InternalError, problem))
            )
            .ToList();
        var warnings = checks.Select(check => check.Warning).OfType<string>().ToList();
        return new Readiness(problems, status, warnings, fleet.Known);
    }
}
