using MediatR;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Http;
using Relay.Api.OpenApi;
using Relay.Application.Health;

namespace Relay.Api.Health;

/// <summary>The answer of <c>GET /health</c>: the process runs. It says nothing else, for anybody may ask.</summary>
internal sealed record HealthAnswer(bool Ok);

/// <summary>The answer of <c>GET /health/ready</c>.</summary>
/// <param name="Ok">Whether nothing known stands in the way of a completion; the status is 200 or 503 accordingly.</param>
/// <param name="ClaudeVersion">The Claude Code in use.</param>
/// <param name="Sandbox"><c>bwrap</c> or <c>off</c>.</param>
/// <param name="SandboxNote">Why there is no jail.</param>
/// <param name="LockdownVerified">Whether the last self-test passed.</param>
/// <param name="Problems">What stands in the way, and what to do about it.</param>
/// <param name="Warnings">What works worse than it should while completions go on; left out when nothing does.</param>
/// <param name="Fleet">The relays that share one state, this one among them, as it last heard; left out by a relay that has its own.</param>
internal sealed record ReadinessAnswer(
    bool Ok, string? ClaudeVersion, string Sandbox, string? SandboxNote, bool LockdownVerified, IEnumerable<ErrorDetail> Problems,
    IEnumerable<string>? Warnings, IEnumerable<FleetRelay>? Fleet);

/// <summary>One relay of a fleet: what anybody may know of it, which is what a balancer and its operator look for.</summary>
internal sealed record FleetRelay(string Name, string Version, string? ClaudeVersion, string State, int Running, int Waiting);

[AllowAnonymous]
[Speaks(ApiSurface.Native)]
[Tags("Health")]
[Route("health")]
internal sealed class HealthController(IMediator mediator) : ControllerBase
{
    /// <summary>Says that the process runs</summary>
    /// <remarks>For supervisors. Needs no key.</remarks>
    [HttpGet(Name = "health")]
    [Answers(200, "The process runs.", typeof(HealthAnswer))]
    public IActionResult Live() => Ok(new HealthAnswer(Ok: true));

    /// <summary>Says whether a completion can succeed now</summary>
    /// <remarks>
    /// Checks that Claude Code is installed, logged in and locked down, as far as the relay knows without a call. If not, the answer says why, and
    /// what to do. Needs no key, and costs nothing.
    /// </remarks>
    [HttpGet("ready", Name = "ready")]
    [Answers(200, "No known problem prevents a completion.", typeof(ReadinessAnswer))]
    [Answers(503, "A problem prevents completions.", typeof(ReadinessAnswer))]
    public async Task<IActionResult> ReadyAsync(CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new GetReadinessQuery(), cancellationToken);
        if (!result.TryGet(out var readiness, out var error))
        {
            return error.ToActionResult();
        }

        if (!readiness.IsReady)
        {
            HttpContext.Log().Error = "not_ready";
        }

        var engine = readiness.Engine;
        var problems = readiness.Problems.Select(problem => new ErrorDetail(problem.WireName, problem.Message, problem.Field));
        return new JsonResult(new ReadinessAnswer(readiness.IsReady, engine.ClaudeVersion, engine.Sandbox, engine.SandboxNote, engine.LockdownVerified, problems,
            readiness.Warnings.Count == 0 ? null : readiness.Warnings,
            readiness.Fleet?.Select(relay => new FleetRelay(relay.Name, relay.Version, relay.ClaudeVersion, relay.State, relay.Running, relay.Waiting))))
        {
            StatusCode = readiness.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
        };
    }
}
