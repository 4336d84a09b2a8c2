using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Application.Completions;
using Relay.Application.Models;
using Relay.Application.Serving;
using Relay.Domain.Keys;

namespace Relay.Api.Anthropic;

[RequireScope(KeyScopes.Complete)]
[Speaks(ApiSurface.Anthropic)]
[Route("v1/messages/count_tokens")]
internal sealed class CountTokensController(IMediator mediator, ICompletionEngine engine, IModelNames models, IOptions<ServerOptions> server, ILogger<CountTokensController> logger) : ControllerBase
{
    /// <summary>About how many tokens a request would have; spends nothing, and says in a header that it is no count.</summary>
    [HttpPost]
    public async Task<IActionResult> CountAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadObjectAsync(root => MessageBody.Parse(root, models, needsMaxTokens: false), server.Value.MaxBodyBytes, cancellationToken);
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
