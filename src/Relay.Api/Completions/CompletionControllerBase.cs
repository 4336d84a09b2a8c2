using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Quotas;
using Relay.Api.Streaming;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Completions;

/// <summary>
/// A route for completions. The derived controllers differ in the body that they read, and in the answer and the events that they write.
/// </summary>
[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
internal abstract class CompletionControllerBase(CompletionServices services) : ControllerBase
{
    protected IModelNames Models => services.Models;

    protected TimeProvider Clock => services.Clock;

    protected RequestContext Context => HttpContext.RelayRequest();

    protected long MaxBodyBytes => services.Server.Value.MaxBodyBytes;

    /// <summary>Runs the completion and writes its answer, whole or as events.</summary>
    /// <param name="body">The request as it was read.</param>
    /// <param name="open">Makes the events of this API.</param>
    /// <param name="whole">Makes the answer of this API.</param>
    /// <param name="heartbeat">Breaks a silence between events. Without one, a comment does.</param>
    /// <param name="cancellationToken">Cancelled when the caller has left.</param>
    protected async Task<IActionResult> AnswerAsync(
        ParsedBody body,
        Func<EventStream, CompletionStream> open,
        Func<Completion, object> whole,
        CancellationToken cancellationToken,
        Action<EventBuffer>? heartbeat = null
    )
    {
        HttpContext.Tell(body.Ignored, services.Logger, body.Request.Parameters, services.Engine);
        if (body.IsStream)
        {
            await using var stream = new EventStream(HttpContext, services.Server.Value, Clock, heartbeat);
            return await open(stream).RunAsync(services.Mediator, Context, body.Request, stream.Ended);
        }

        var result = await services.Mediator.Send(new CompleteCommand(Context, body.Request), cancellationToken);
        return result.TryGet(out var completion, out var error) ? new JsonResult(whole(completion)) : error.ToActionResult();
    }
}
