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

namespace Relay.Api.OpenAi;

[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
[Speaks(ApiSurface.OpenAi)]
[Tags("OpenAI's API")]
[Route("v1/chat/completions")]
internal sealed class ChatCompletionsController(
    IMediator mediator,
    ICompletionEngine engine,
    IModelNames models,
    IOptions<ServerOptions> server,
    TimeProvider clock,
    ILogger<ChatCompletionsController> logger
) : ControllerBase
{
    /// <summary>Answers a conversation, for programs that use OpenAI's API</summary>
    /// <remarks>
    /// OpenAI's SDKs need the base URL with <c>/v1</c> and a key of the relay, and nothing else. With <c>stream: true</c> the answer comes
    /// as chunks without a name, then <c>[DONE]</c>. An error in the middle is a chunk with <c>error</c>. Comment lines (<c>: still
    /// working</c>) break silences of <c>HEARTBEAT_AFTER</c> (10 s by default). Before the first event, an error is an ordinary answer with
    /// its status. After it, an error is an event, and the connection is cut, so that half an answer never looks like a whole one. Errors
    /// are in OpenAI's format.
    /// </remarks>
    [HttpPost(Name = "createChatCompletion")]
    [Reads(typeof(ChatCompletionRequest))]
    [Answers(200, "The answer.", typeof(ChatCompletion))]
    [Answers(200, "The answer.", typeof(ChatCompletionEvents), "text/event-stream")]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(
            root => ChatCompletionBody.Parse(root, models),
            server.Value.MaxBodyBytes,
            cancellationToken
        );
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        HttpContext.Tell(parsed.Ignored, logger, parsed.Request.Parameters, engine);

        var context = HttpContext.RelayRequest();
        var id = context.RequestId.Replace("req_", "chatcmpl-", StringComparison.Ordinal);
        var created = clock.GetUtcNow().ToUnixTimeSeconds();
        if (parsed.IsStream)
        {
            await using var stream = new EventStream(HttpContext, server.Value, clock);
            return await new ChatCompletionStream(
                stream,
                id,
                created,
                () => context.Model!.Value,
                parsed.IncludesUsage,
                parsed.HasFunctions
            ).RunAsync(mediator, context, parsed.Request, stream.Ended);
        }

        var result = await mediator.Send(new CompleteCommand(context, parsed.Request), cancellationToken);
        if (!result.TryGet(out var completion, out error))
        {
            return error.ToActionResult();
        }

        var message = ChatMessageContract.From(completion, parsed.HasFunctions);
        var choice = new ChatChoice(0, message, null, FinishReason.From(completion.StopReason, parsed.HasFunctions));
        return new JsonResult(
            new ChatCompletion(id, "chat.completion", created, completion.Model.Value, [choice], ChatUsage.From(completion.Usage))
        );
    }
}
