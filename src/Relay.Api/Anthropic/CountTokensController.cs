using MediatR;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Completions;
using Relay.Application.Serving;
using Relay.Domain.Keys;

namespace Relay.Api.Anthropic;

[RequireScope(KeyScopes.Complete)]
[Speaks(ApiSurface.Anthropic)]
[Route("v1/messages/count_tokens")]
internal sealed class CountTokensController(IMediator mediator, IOptions<ServerOptions> server) : ControllerBase
{
    /// <summary>About how many tokens a request would have; spends nothing, and says in a header that it is no count.</summary>
    [HttpPost]
    public async Task<IActionResult> CountAsync(CancellationToken cancellationToken)
    {
        var body = await Request.ReadJsonAsync<MessageBody>(server.Value.MaxBodyBytes, cancellationToken);
        // What would be refused or ignored when it is sent changes nothing here.
        if (!body.TryGet(out var contract, out var error) || !contract.Parse(ignoreHarmless: true, needsMaxTokens: false).TryGet(out var request, out error))
        {
            return error.ToActionResult();
        }

        var result = await mediator.Send(new CountTokensQuery(HttpContext.Caller(), request), cancellationToken);
        if (!result.TryGet(out var tokens, out error))
        {
            return error.ToActionResult();
        }

        Response.Headers["X-Token-Count"] = "estimate";
        return new JsonResult(new TokenCount(tokens));
    }
}
