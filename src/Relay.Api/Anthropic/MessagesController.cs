using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Completions;
using Relay.Api.OpenApi;
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
[Tags("Anthropic's API")]
[Takes("anthropic-version")]
[Route("v1/messages")]
internal sealed class MessagesController(
    IMediator mediator,
    ICompletionEngine engine,
    IModelNames models,
    IOptions<ServerOptions> server,
    TimeProvider clock,
    ILogger<MessagesController> logger
) : ControllerBase
{
    /// <summary>Answers a conversation, for programs that use Anthropic's API</summary>
    /// <remarks>
    /// Anthropic's SDKs need the base URL without <c>/v1</c> and a key of the relay, and nothing else. With <c>stream: true</c> the answer
    /// comes as Anthropic's events. An error in the middle is the event <c>error</c>. Events <c>ping</c> break silences of
    /// <c>HEARTBEAT_AFTER</c> (10 s by default). Before the first event, an error is an ordinary answer with its status. After it, an error
    /// is an event, and the connection is cut, so that half an answer never looks like a whole one. Thoughts of the model are not passed
    /// on. Errors are in Anthropic's format.
    /// </remarks>
    [HttpPost(Name = "createMessage")]
    [Reads(typeof(MessageRequest))]
    [Answers(200, "The answer.", typeof(MessageAnswer))]
    [Answers(200, "The answer.", typeof(MessageEvents), "text/event-stream")]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(
            root => MessageBody.Parse(root, models, needsMaxTokens: true),
            server.Value.MaxBodyBytes,
            cancellationToken
        );
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
            return await new MessageStream(
                stream,
                id,
                () => context.Model!.Value,
                context.RequestId,
                request.EstimatedInputTokens
            ).RunAsync(mediator, context, request, stream.Ended);
        }

        var result = await mediator.Send(new CompleteCommand(context, request), cancellationToken);
        return result.TryGet(out var completion, out error)
            ? new JsonResult(
                MessageAnswer.Of(
                    id,
                    completion.Model.Value,
                    AnswerBlockContracts.Of(completion),
                    completion.StopReason,
                    completion.StopSequence,
                    MessageUsage.From(completion.Usage)
                )
            )
            : error.ToActionResult();
    }
}
