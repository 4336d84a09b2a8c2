using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Application.Models;

namespace Relay.Api.Models;

/// <summary>The answer of <c>GET /v1/models</c>; <c>object</c> and <c>data</c> are what OpenAI's clients read, the rest Anthropic's.</summary>
internal sealed record ModelsAnswer(
    bool Ok, string? Default, IEnumerable<string> Models, string Object, IEnumerable<ModelContract> Data, bool HasMore, string? FirstId, string? LastId);

/// <summary>One model, with what OpenAI's and what Anthropic's clients read.</summary>
/// <param name="Id">The name to use.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">Unix seconds; 0, for nobody tells when an alias was made.</param>
/// <param name="OwnedBy">Always <c>anthropic</c>.</param>
/// <param name="Type">Always <c>model</c>.</param>
/// <param name="DisplayName">The name again.</param>
/// <param name="CreatedAt">The same as <paramref name="Created"/>.</param>
internal sealed record ModelContract(string Id, string Object, long Created, string OwnedBy, string Type, string DisplayName, DateTimeOffset CreatedAt)
{
    /// <summary>The model of a name.</summary>
    public static ModelContract Of(string name) => new(name, "model", 0, "anthropic", "model", name, DateTimeOffset.UnixEpoch);
}

[Route("v1/models")]
internal sealed class ModelsController(IMediator mediator) : ControllerBase
{
    /// <summary>What may be named as a model.</summary>
    [HttpGet]
    public async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new ListModelsQuery(HttpContext.Caller()), cancellationToken);
        return result.TryGet(out var models, out var error)
            ? this.NoStoreJson(new ModelsAnswer(
                Ok: true, models.Default, models.Names, "list", models.Names.Select(ModelContract.Of), HasMore: false, models.Names.FirstOrDefault(), models.Names.LastOrDefault()))
            : error.ToActionResult();
    }

    /// <summary>One of them; also a full id that is not on the list and may be named all the same.</summary>
    [HttpGet("{id}")]
    public async Task<IActionResult> FindAsync(string id, CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new FindModelQuery(HttpContext.Caller(), id), cancellationToken);
        return result.TryGet(out var model, out var error) ? this.NoStoreJson(ModelContract.Of(model)) : error.ToActionResult();
    }
}
