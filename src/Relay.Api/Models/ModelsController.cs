using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Models;

namespace Relay.Api.Models;

/// <summary>The answer of <c>GET /v1/models</c>; <c>object</c> and <c>data</c> are what OpenAI's clients read.</summary>
internal sealed record ModelsAnswer(bool Ok, string? Default, IEnumerable<string> Models, string Object, IEnumerable<ModelContract> Data);

/// <param name="Id">The name to use.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">Unix seconds; 0, for nobody tells when an alias was made.</param>
/// <param name="OwnedBy">Always <c>anthropic</c>.</param>
internal sealed record ModelContract(string Id, string Object, long Created, string OwnedBy);

[Route("v1/models")]
internal sealed class ModelsController(IMediator mediator) : ControllerBase
{
    /// <summary>What may be named as a model.</summary>
    [HttpGet]
    public async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new ListModelsQuery(HttpContext.Caller()), cancellationToken);
        return result.TryGet(out var models, out var error)
            ? new JsonResult(new ModelsAnswer(
                Ok: true, models.Default, models.Names, "list", models.Names.Select(name => new ModelContract(name, "model", 0, "anthropic"))))
            : error.ToActionResult();
    }
}
