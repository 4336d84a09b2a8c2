using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Completions;
using Relay.Api.OpenApi;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Anthropic;

[RequireScope(KeyScopes.Complete)]
[Speaks(ApiSurface.Anthropic)]
[Tags("Anthropic's API")]
[Takes("anthropic-version")]
[Route("v1/messages/count_tokens")]
internal sealed class CountTokensController(
    IMediator mediator,
    ICompletionEngine engine,
    IModelNames models,
    IOptions<ServerOptions> server,
    ILogger<CountTokensController> logger
) : ControllerBase
{
    /// <summary>Estimates the tokens of a request</summary>
    /// <remarks>
    /// The estimate is rather too high than too low. <c>X-Token-Count</c> says that it is an estimate, because Claude Code can't count
    /// tokens. The request spends nothing.
    /// </remarks>
    [HttpPost(Name = "countTokens")]
    [Reads(typeof(CountTokensRequest))]
    [Sends("X-Token-Count")]
    [Fails(ErrorCode.UnknownModel)]
    [Answers(200, "The estimate.", typeof(TokenCount))]
    public async Task<IActionResult> CountAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(
            root => MessageBody.Parse(root, models, needsMaxTokens: false),
            server.Value.MaxBodyBytes,
            cancellationToken
        );
        if (!body.TryGet(out var parsed, out var error))
        {
            return error.ToActionResult();
        }

        HttpContext.Tell(parsed.Ignored, logger, parsed.Request.Parameters, engine);
        var result = await mediator.Send(new CountTokensQuery(HttpContext.Caller(), parsed.Request), cancellationToken);
        if (!result.TryGet(out var tokens, out error))
        {
            return error.ToActionResult();
        }

        Response.Headers["X-Token-Count"] = "estimate";
        return new JsonResult(new TokenCount(tokens));
    }
}
