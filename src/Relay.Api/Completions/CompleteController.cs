using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Api.Streaming;
using Relay.Application.Completions;
using Relay.Application.Serving;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Completions;

[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
[Speaks(ApiSurface.Native)]
[Route("v1/complete")]
internal sealed class CompleteController(IMediator mediator, ICompletionEngine engine, IOptions<ServerOptions> options, TimeProvider clock, ILogger<CompleteController> logger) : ControllerBase
{
    /// <summary>A prompt or a conversation in, its answer out: at its end, or as it comes.</summary>
    [HttpPost]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var body = await Request.ReadJsonAsync<CompleteBody>(options.Value.MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var contract, out var error) || !contract.Parse().TryGet(out var parsed, out error))
        {
            return error.ToActionResult();
        }

        HttpContext.Tell([], logger, parsed.Request.Parameters, engine);
        var context = HttpContext.RelayRequest();
        if (contract.Stream == true)
        {
            await using var stream = new EventStream(HttpContext, options.Value, clock);
            return await new CompleteStream(stream, context, () => clock.GetElapsedTime(started)).RunAsync(mediator, context, parsed.Request, stream.Ended);
        }

        var result = await mediator.Send(new CompleteCommand(context, parsed.Request), cancellationToken);
        return result.TryGet(out var completion, out error)
            ? new JsonResult(CompleteAnswer.From(completion, parsed.Format, clock.GetElapsedTime(started)))
            : error.ToActionResult();
    }
}
