using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Api.Quotas;
using Relay.Api.Streaming;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Serving;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Anthropic;

[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
[Speaks(ApiSurface.Anthropic)]
[Route("v1/messages")]
internal sealed class MessagesController(IMediator mediator, ICompletionEngine engine, IModelNames models, IOptions<ServerOptions> server, TimeProvider clock, ILogger<MessagesController> logger) : ControllerBase
{
    /// <summary>A completion for programs that speak Anthropic's API.</summary>
    [HttpPost]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(root => MessageBody.Parse(root, models, needsMaxTokens: true), server.Value.MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        HttpContext.Tell(parsed.Ignored, logger, parsed.Request.Parameters, engine);
        var request = parsed.Request;

        var context = HttpContext.RelayRequest();
        var id = context.RequestId.Replace("req_", "msg_", StringComparison.Ordinal);
        if (parsed.IsStream)
        {
            await using var stream = new EventStream(HttpContext, server.Value, clock, MessageStream.Ping);
            return await new MessageStream(stream, id, () => context.Model!.Value, context.RequestId, request.EstimatedInputTokens).RunAsync(mediator, context, request, stream.Ended);
        }

        var result = await mediator.Send(new CompleteCommand(context, request), cancellationToken);
        return result.TryGet(out var completion, out error)
            ? new JsonResult(MessageAnswer.Of(
                id, completion.Model.Value, AnswerBlockContracts.Of(completion), completion.StopReason, completion.StopSequence, MessageUsage.From(completion.Usage)))
            : error.ToActionResult();
    }
}
