using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
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
[Tags("Completions")]
[Route("v1/complete")]
internal sealed class CompleteController(
    IMediator mediator,
    ICompletionEngine engine,
    IOptions<ServerOptions> options,
    TimeProvider clock,
    ILogger<CompleteController> logger
) : ControllerBase
{
    /// <summary>Answers a prompt or a conversation</summary>
    /// <remarks>
    /// The answer comes whole, or with <c>stream: true</c> as server-sent events while it is made: <c>start</c>, any number of
    /// <c>delta</c>, then <c>done</c> or <c>error</c>. Comment lines (<c>: still working</c>) break silences of <c>HEARTBEAT_AFTER</c> (10
    /// s by default). Before the first event, an error is an ordinary answer with its status. After it, an error is an event, and the
    /// connection is cut, so that half an answer never looks like a whole one.
    /// </remarks>
    [HttpPost(Name = "complete")]
    [Reads(typeof(CompleteBody))]
    [Answers(200, "The answer.", typeof(CompleteAnswer))]
    [Answers(200, "The answer.", typeof(CompleteEvents), "text/event-stream")]
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
            return await new CompleteStream(stream, context, () => clock.GetElapsedTime(started)).RunAsync(
                mediator,
                context,
                parsed.Request,
                stream.Ended
            );
        }

        var result = await mediator.Send(new CompleteCommand(context, parsed.Request), cancellationToken);
        return result.TryGet(out var completion, out error)
            ? new JsonResult(CompleteAnswer.From(completion, parsed.Format, clock.GetElapsedTime(started)))
            : error.ToActionResult();
    }
}
