using MediatR;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Completions;
using Relay.Application.Serving;

namespace Relay.Api.Completions;

[Authorize(Scope.Complete)]
[Route("v1/complete")]
internal sealed class CompleteController(IMediator mediator, IOptions<ServerOptions> options, TimeProvider clock) : ControllerBase
{
    /// <summary>One prompt in, one answer out.</summary>
    [HttpPost]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var body = await Request.ReadJsonAsync<CompleteBody>(options.Value.MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var contract, out var error) || !contract.Parse().TryGet(out var parsed, out error))
        {
            return error.ToActionResult(HttpContext);
        }

        var result = await mediator.Send(new CompleteCommand(HttpContext.RelayRequest(), parsed.Request), cancellationToken);
        if (!result.TryGet(out var completion, out error))
        {
            return error.ToActionResult(HttpContext);
        }

        return new JsonResult(CompleteAnswer.From(completion, parsed.Format, clock.GetElapsedTime(started)));
    }
}
