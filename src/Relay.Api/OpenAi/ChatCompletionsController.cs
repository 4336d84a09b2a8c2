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

namespace Relay.Api.OpenAi;

[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
[Speaks(ApiSurface.OpenAi)]
[Route("v1/chat/completions")]
internal sealed class ChatCompletionsController(
    IMediator mediator, ICompletionEngine engine, IModelNames models, IOptions<ServerOptions> server, TimeProvider clock, ILogger<ChatCompletionsController> logger) : ControllerBase
{
    /// <summary>A completion for programs that speak OpenAI's API.</summary>
    [HttpPost]
    public async Task<IActionResult> CompleteAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(root => ChatCompletionBody.Parse(root, models), server.Value.MaxBodyBytes, cancellationToken);
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
            return await new ChatCompletionStream(stream, id, created, () => context.Model!.Value, parsed.IncludesUsage, parsed.HasFunctions).RunAsync(mediator, context, parsed.Request, stream.Ended);
        }

        var result = await mediator.Send(new CompleteCommand(context, parsed.Request), cancellationToken);
        if (!result.TryGet(out var completion, out error))
        {
            return error.ToActionResult();
        }

        var message = ChatMessageContract.From(completion, parsed.HasFunctions);
        return new JsonResult(new ChatCompletion(id, "chat.completion", created, completion.Model.Value, [new ChatChoice(0, message, null, null, FinishReason.From(completion.StopReason, parsed.HasFunctions))])
        {
            Usage = ChatUsage.From(completion.Usage),
        });
    }
}
