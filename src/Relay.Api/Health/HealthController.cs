using System.ComponentModel.DataAnnotations;
using MediatR;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.OpenApi;
using Relay.Application.Health;

namespace Relay.Api.Health;

/// <summary>The process runs. The answer says nothing else, because anybody may ask.</summary>
/// <param name="Ok">Always true.</param>
internal sealed record HealthAnswer([property: Values(true)] bool Ok);

/// <summary>Whether a completion can succeed now, as far as the relay knows without a call.</summary>
/// <param name="Ok">Whether no known problem prevents a completion. The status is 200 for true and 503 for false.</param>
/// <param name="ClaudeVersion">The Claude Code in use. Absent when no Claude Code is installed.</param>
/// <param name="Sandbox">Whether completions run in a jail.</param>
/// <param name="SandboxNote">Why there is no jail.</param>
/// <param name="LockdownVerified">Whether the last self-test of the lockdown passed.</param>
/// <param name="LockdownVerifiedAt">Time of that self-test, UTC. Absent when it did not pass.</param>
/// <param name="Problems">Problems that prevent completions, each with advice. Empty for 200.</param>
/// <param name="Warnings">Problems that do not prevent completions. Absent when there are no such problems.</param>
/// <param name="Fleet">
/// The relays that share one state, this relay included, as this relay last heard. Absent on a relay with its own state.
/// </param>
[Keywords(
    """
        {"oneOf":[
          {"title":"ready","properties":{"ok":{"const":true},"problems":{"maxItems":0}}},
          {"title":"not ready","properties":{"ok":{"const":false},"problems":{"minItems":1}}}]}
        """
)]
internal sealed record ReadinessAnswer(
    bool Ok,
    string? ClaudeVersion,
    [property: Values("bwrap", "off")] string Sandbox,
    string? SandboxNote,
    bool LockdownVerified,
    DateTimeOffset? LockdownVerifiedAt,
    IEnumerable<ErrorDetail> Problems,
    [property: MinLength(1)] IEnumerable<string>? Warnings,
    IEnumerable<FleetRelay>? Fleet
);

/// <summary>One of several relays that share a state.</summary>
/// <param name="Name"><c>RELAY_NAME</c>, or the name of its host.</param>
/// <param name="Version">Its version.</param>
/// <param name="ClaudeVersion">Its Claude Code. Absent when no Claude Code is installed there.</param>
/// <param name="State"><c>degraded</c>: takes requests, with a warning. <c>lost</c>: not heard for 15 s.</param>
/// <param name="Running">Completions that run there.</param>
/// <param name="Waiting">Completions that wait there.</param>
internal sealed record FleetRelay(
    string Name,
    string Version,
    string? ClaudeVersion,
    [property: Values("ready", "degraded", "not_ready", "stopping", "lost")] string State,
    int Running,
    int Waiting
);

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
    /// Checks that Claude Code is installed, logged in and locked down, as far as the relay knows without a call. If not, the answer says
    /// why, and what to do. Needs no key, and costs nothing.
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
        return new JsonResult(
            new ReadinessAnswer(
                readiness.IsReady,
                engine.ClaudeVersion,
                engine.Sandbox,
                engine.SandboxNote,
                engine.LockdownVerified,
                engine.LockdownVerifiedAt,
                problems,
                readiness.Warnings.Count == 0 ? null : readiness.Warnings,
                readiness.Fleet?.Select(relay => new FleetRelay(
                    relay.Name,
                    relay.Version,
                    relay.ClaudeVersion,
                    relay.State,
                    relay.Running,
                    relay.Waiting
                ))
            )
        )
        {
            StatusCode = readiness.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
        };
    }
}
