using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Api.OpenApi;
using Relay.Application.Models;
using Relay.Domain;

namespace Relay.Api.Models;

/// <summary>The answer of <c>GET /v1/models</c>: <c>object</c> and <c>data</c> are OpenAI's words, the others the relay's own.</summary>
internal sealed record ModelsAnswer(bool Ok, string? Default, IReadOnlyCollection<string> Models, string Object, IEnumerable<ModelContract> Data);

/// <summary>One model, as OpenAI's clients read it.</summary>
/// <param name="Id">The name to use.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">Unix seconds; 0, for nobody tells when an alias was made.</param>
/// <param name="OwnedBy">Always <c>anthropic</c>.</param>
internal sealed record ModelContract(string Id, string Object, long Created, string OwnedBy)
{
    /// <summary>The model of a name.</summary>
    public static ModelContract Of(string name) => new(name, "model", 0, "anthropic");
}

/// <summary>The answer of <c>GET /v1/models</c> for Anthropic's clients: one page with all of them.</summary>
internal sealed record AnthropicModelsAnswer(
    IEnumerable<AnthropicModelContract> Data,
    bool HasMore,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FirstId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? LastId);

/// <summary>One model, as Anthropic's clients read it.</summary>
/// <param name="Type">Always <c>model</c>.</param>
/// <param name="Id">The name to use.</param>
/// <param name="DisplayName">The name again.</param>
/// <param name="CreatedAt">1970, for nobody tells when an alias was made.</param>
internal sealed record AnthropicModelContract(string Type, string Id, string DisplayName, DateTimeOffset CreatedAt)
{
    /// <summary>The model of a name.</summary>
    public static AnthropicModelContract Of(string name) => new("model", name, name, DateTimeOffset.UnixEpoch);
}

[Tags("Models")]
[Takes("anthropic-version")]
[Sends("Cache-Control.no-store")]
[Route("v1/models")]
internal sealed class ModelsController(IMediator mediator) : ControllerBase
{
    /// <summary>Lists the models that the key may name</summary>
    /// <remarks>
    /// The list has the names that the operator chose, then full ids of the families that the relay knows. Other ids of these families may be
    /// named, too. With <c>anthropic-version</c>, which Anthropic's SDKs send, the answer has Anthropic's format. Otherwise <c>object</c> and
    /// <c>data</c> are fields of OpenAI's API, <c>default</c> and <c>models</c> the relay's own. Any good key may ask.
    /// </remarks>
    [HttpGet(Name = "listModels")]
    [Answers(200, "The models.", typeof(AnyModelsAnswer))]
    public async Task<IActionResult> ListAsync(CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new ListModelsQuery(HttpContext.Caller()), cancellationToken);
        if (!result.TryGet(out var models, out var error))
        {
            return error.ToActionResult();
        }

        return HttpContext.Surface() == ApiSurface.Anthropic
            ? this.NoStoreJson(new AnthropicModelsAnswer(models.Names.Select(AnthropicModelContract.Of), HasMore: false, models.Names.FirstOrDefault(), models.Names.LastOrDefault()))
            : this.NoStoreJson(new ModelsAnswer(Ok: true, models.Default, models.Names, "list", models.Names.Select(ModelContract.Of)));
    }

    /// <summary>Finds a model that the key may name</summary>
    /// <remarks>Finds also a full id that is not on the list and may be named. Any good key may ask.</remarks>
    /// <param name="id" example="opus">The name of the model.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    [HttpGet("{id}", Name = "findModel")]
    [Fails(ErrorCode.NotFound)]
    [Answers(200, "The model.", typeof(AnyModelAnswer))]
    public async Task<IActionResult> FindAsync(string id, CancellationToken cancellationToken)
    {
        var result = await mediator.Send(new FindModelQuery(HttpContext.Caller(), id), cancellationToken);
        if (!result.TryGet(out var model, out var error))
        {
            return error.ToActionResult();
        }

        return HttpContext.Surface() == ApiSurface.Anthropic ? this.NoStoreJson(AnthropicModelContract.Of(model)) : this.NoStoreJson(ModelContract.Of(model));
    }
}
