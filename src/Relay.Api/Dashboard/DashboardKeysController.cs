using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Keys;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>Keys, by the same commands as <c>relayctl</c>; the audit log says which admin key asked.</summary>
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[AcceptsSession]
[RequireScope(KeyScopes.Admin)]
[AuditedAs("dashboard")]
[Route("dashboard/keys")]
internal sealed class DashboardKeysController(IMediator mediator, TimeProvider clock) : ControllerBase
{
    /// <summary>Far more than any of these bodies needs.</summary>
    private const int MaxBodyBytes = 16 * 1024;

    /// <summary>Mints a key. The secret is in the answer, and nowhere else.</summary>
    [HttpPost]
    public async Task<IActionResult> AddAsync(CancellationToken cancellationToken)
    {
        if (!(await Request.ReadJsonAsync<AddKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !body.Parse(HttpContext.RelayRequest()).TryGet(out var command, out error)
            || !(await mediator.Send(command, cancellationToken)).TryGet(out var added, out error))
        {
            return error.ToActionResult();
        }

        return new JsonResult(SecretAnswer.From(added, clock.GetUtcNow())) { StatusCode = StatusCodes.Status201Created };
    }

    /// <summary>Gives a key a new secret.</summary>
    [HttpPost("{id}/rotate")]
    public async Task<IActionResult> RotateAsync(string id, CancellationToken cancellationToken)
    {
        if (!(await Request.ReadJsonAsync<RotateKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !body.ParseOverlap().TryGet(out var overlap, out error)
            || !(await mediator.Send(new RotateKeyCommand(KeyReference.Of(id), overlap, HttpContext.RelayRequest()), cancellationToken)).TryGet(out var rotated, out error))
        {
            return error.ToActionResult();
        }

        return new JsonResult(SecretAnswer.From(rotated, clock.GetUtcNow()));
    }

    /// <summary>Shuts a key for good. Its label is asked for again: there is no way back.</summary>
    [HttpPost("{id}/revoke")]
    public async Task<IActionResult> RevokeAsync(string id, CancellationToken cancellationToken)
    {
        if (!(await Request.ReadJsonAsync<RevokeKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !KeyLabel.Create(body.Label).TryGet(out var label, out error)
            || !(await mediator.Send(new RevokeKeyCommand(KeyReference.Of(id, label), HttpContext.RelayRequest()), cancellationToken)).TryGet(out var revoked, out error))
        {
            return error.ToActionResult();
        }

        return new JsonResult(KeyAnswer.From(revoked, clock.GetUtcNow()));
    }

    /// <summary>Sets all of a key's own limits; one that is missing goes back to the operator's default.</summary>
    [HttpPut("{id}/limits")]
    public async Task<IActionResult> SetLimitsAsync(string id, CancellationToken cancellationToken)
    {
        if (!(await Request.ReadJsonAsync<KeyLimitsContract>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !(await mediator.Send(body.ToCommand(KeyReference.Of(id), HttpContext.RelayRequest()), cancellationToken)).TryGet(out var changed, out error))
        {
            return error.ToActionResult();
        }

        return new JsonResult(KeyAnswer.From(changed, clock.GetUtcNow()));
    }
}
