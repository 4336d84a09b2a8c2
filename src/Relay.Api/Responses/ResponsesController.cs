using MediatR;
using Microsoft.AspNetCore.Http.Features;
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

namespace Relay.Api.Responses;

[RequireScope(KeyScopes.Complete)]
[SpendsQuota(QuotaBucket.Completions)]
[Speaks(ApiSurface.OpenAi)]
[Tags("OpenAI's API")]
[Route("v1/responses")]
internal sealed class ResponsesController(
    IMediator mediator,
    ICompletionEngine engine,
    IModelNames models,
    IOptions<ServerOptions> server,
    TimeProvider clock,
    ILogger<ResponsesController> logger
) : ControllerBase
{
    /// <summary>Answers a conversation, for programs that use OpenAI's Responses API</summary>
    /// <remarks>
    /// OpenAI's SDKs and agents, and Vercel's provider, need the base URL with <c>/v1</c> and a key of the relay, and nothing else. The
    /// relay stores nothing: send the earlier items in <c>input</c>, as they came, or references to them by their ids. With <c>stream:
    /// true</c> the answer comes as OpenAI's events. Comment lines (<c>: still working</c>) break silences of <c>HEARTBEAT_AFTER</c> (10 s
    /// by default). Before the first event, an error is an ordinary answer with its status. After it, an error is an event, and the
    /// connection is cut, so that half an answer never looks like a whole one. Errors are in OpenAI's format.
    /// </remarks>
    [HttpPost(Name = "createResponse")]
    [Reads(typeof(ResponseCreateRequest))]
    [Answers(200, "The answer.", typeof(ResponseContract))]
    [Answers(200, "The answer.", typeof(ResponseEvents), "text/event-stream")]
    public async Task<IActionResult> CreateAsync(CancellationToken cancellationToken)
    {
        using var seal = new ItemSeal(HttpContext.Features.GetRequiredFeature<KeySecret>());
        var body = await Request.ReadObjectAsync(
            root => ResponseBody.Parse(root, models, seal),
            server.Value.MaxBodyBytes,
            cancellationToken
        );
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        var request = parsed.Compatible.Request;
        HttpContext.Tell(parsed.Compatible.Ignored, logger, request.Parameters, engine);
        var context = HttpContext.RelayRequest();
        var ids = new ResponseIds(context.RequestId);
        ResponseContract Begin(string model) =>
            ResponseContract.Begin(ids.Response, clock.GetUtcNow().ToUnixTimeSeconds(), model, parsed.Echo);
        if (parsed.Compatible.IsStream)
        {
            await using var stream = new EventStream(HttpContext, server.Value, clock);
            return await new ResponseStream(
                stream,
                ids,
                model => Begin(model ?? context.Model!.Value),
                clock,
                parsed.MayRefer ? seal.Carry : null
            ).RunAsync(mediator, context, request, stream.Ended);
        }

        var started = Begin(string.Empty);
        var result = await mediator.Send(new CompleteCommand(context, request), cancellationToken);
        if (!result.TryGet(out var completion, out error))
        {
            return error.ToActionResult();
        }

        var items = ResponseItems.Of(completion, ids);
        return new JsonResult(
            (started with { Model = completion.Model.Value }).End(
                completion,
                parsed.MayRefer ? seal.WithIds(items) : items,
                clock.GetUtcNow().ToUnixTimeSeconds()
            )
        );
    }
}
