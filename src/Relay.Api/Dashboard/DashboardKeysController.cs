using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>Keys, by the same commands as <c>relayctl</c>. The audit log names the admin key that asked.</summary>
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[AcceptsSession]
[RequireScope(KeyScopes.Admin)]
[AuditedAs("dashboard")]
[Tags("Dashboard")]
[Route("dashboard/keys")]
internal sealed class DashboardKeysController(IMediator mediator, TimeProvider clock) : ControllerBase
{
    /// <summary>The largest body, far above the need of any of these.</summary>
    private const int MaxBodyBytes = 16 * 1024;

    private const string SmallBody =
        "JSON in UTF-8, uncompressed, at most 16 KB (16,384 bytes). Unknown fields and repeated fields are refused.";

    /// <summary>Makes a key</summary>
    /// <remarks>
    /// Does the same as <c>relayctl keys add</c>. The audit log says which admin key asked. Only this answer has the secret.
    /// </remarks>
    [HttpPost(Name = "addKey")]
    [Reads(typeof(AddKeyBody), Rule = SmallBody)]
    [Fails(ErrorCode.Conflict)]
    [Answers(201, "The key, and its secret.", typeof(SecretAnswer))]
    public async Task<IActionResult> AddAsync(CancellationToken cancellationToken)
    {
        if (
            !(await Request.ReadJsonAsync<AddKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !body.Parse(HttpContext.RelayRequest()).TryGet(out var command, out error)
            || !(await mediator.Send(command, cancellationToken)).TryGet(out var added, out error)
        )
        {
            return error.ToActionResult();
        }

        return new JsonResult(SecretAnswer.From(added, clock.GetUtcNow())) { StatusCode = StatusCodes.Status201Created };
    }

    /// <summary>Gives a key a new secret</summary>
    /// <remarks>
    /// The old secret may go on working for some time, so that apps can change over. Only this answer has the new secret.
    /// </remarks>
    /// <param name="id" example="key_0f1e2d3c4b5a6978">The id of the key, as in <c>GET /dashboard/snapshot</c>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    [HttpPost("{id}/rotate", Name = "rotateKey")]
    [Reads(typeof(RotateKeyBody), Rule = SmallBody)]
    [Fails(ErrorCode.NotFound)]
    [Answers(200, "The key, and its new secret.", typeof(SecretAnswer))]
    public async Task<IActionResult> RotateAsync(string id, CancellationToken cancellationToken)
    {
        if (
            !(await Request.ReadJsonAsync<RotateKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !body.ParseOverlap().TryGet(out var overlap, out error)
            || !(
                await mediator.Send(new RotateKeyCommand(KeyReference.Of(id), overlap, HttpContext.RelayRequest()), cancellationToken)
            ).TryGet(out var rotated, out error)
        )
        {
            return error.ToActionResult();
        }

        return new JsonResult(SecretAnswer.From(rotated, clock.GetUtcNow()));
    }

    /// <summary>Revokes a key</summary>
    /// <remarks>Requests of the key that wait or run end with 401. A key can't be restored, so the request must repeat its label.</remarks>
    /// <param name="id" example="key_0f1e2d3c4b5a6978">The id of the key, as in <c>GET /dashboard/snapshot</c>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    [HttpPost("{id}/revoke", Name = "revokeKey")]
    [Reads(typeof(RevokeKeyBody), Rule = SmallBody)]
    [Fails(ErrorCode.NotFound)]
    [Answers(200, "The revoked key.", typeof(KeyAnswer))]
    public async Task<IActionResult> RevokeAsync(string id, CancellationToken cancellationToken)
    {
        if (
            !(await Request.ReadJsonAsync<RevokeKeyBody>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !KeyLabel.Create(body.Label).TryGet(out var label, out error)
            || !(
                await mediator.Send(new RevokeKeyCommand(KeyReference.Of(id, label), HttpContext.RelayRequest()), cancellationToken)
            ).TryGet(out var revoked, out error)
        )
        {
            return error.ToActionResult();
        }

        return new JsonResult(KeyAnswer.From(revoked, clock.GetUtcNow()));
    }

    /// <summary>Sets all limits of a key</summary>
    /// <remarks>A limit that is missing becomes the operator's default. <c>{}</c> makes all limits the default.</remarks>
    /// <param name="id" example="key_0f1e2d3c4b5a6978">The id of the key, as in <c>GET /dashboard/snapshot</c>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    [HttpPut("{id}/limits", Name = "setKeyLimits")]
    [Reads(typeof(KeyLimitsContract), Rule = SmallBody)]
    [Fails(ErrorCode.NotFound)]
    [Answers(200, "The key, with these limits.", typeof(KeyAnswer))]
    public async Task<IActionResult> SetLimitsAsync(string id, CancellationToken cancellationToken)
    {
        if (
            !(await Request.ReadJsonAsync<KeyLimitsContract>(MaxBodyBytes, cancellationToken)).TryGet(out var body, out var error)
            || !(
                await mediator.Send(
                    SetKeyLimitsCommand.ToAll(KeyReference.Of(id), body.ToLimits(), HttpContext.RelayRequest()),
                    cancellationToken
                )
            ).TryGet(out var changed, out error)
        )
        {
            return error.ToActionResult();
        }

        return new JsonResult(KeyAnswer.From(changed, clock.GetUtcNow()));
    }
}
