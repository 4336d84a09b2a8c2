using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Completions;
using Relay.Api.OpenApi;
using Relay.Domain.Keys;

namespace Relay.Api.Responses;

[Speaks(ApiSurface.OpenAi)]
[Tags("OpenAI's API")]
[Route("v1/responses")]
internal sealed class ResponsesController(CompletionServices services) : CompletionControllerBase(services)
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
        var body = await Request.ReadObjectAsync(root => ResponseBody.Parse(root, Models, seal), MaxBodyBytes, cancellationToken);
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        var ids = new ResponseIds(Context.RequestId);
        var created = Clock.GetUtcNow().ToUnixTimeSeconds();
        ResponseContract Begin(string? model) => ResponseContract.Begin(ids.Response, created, model ?? Context.Model!.Value, parsed.Echo);
        return await AnswerAsync(
            parsed.Body,
            stream => new ResponseStream(stream, ids, Begin, Clock, parsed.MayRefer ? seal.Carry : null),
            completion =>
            {
                var items = ResponseItems.Of(completion, ids);
                return Begin(completion.Model.Value)
                    .End(completion, parsed.MayRefer ? seal.WithIds(items) : items, Clock.GetUtcNow().ToUnixTimeSeconds());
            },
            cancellationToken
        );
    }
}
