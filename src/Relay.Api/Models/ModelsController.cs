using System.Text.Json.Serialization;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Application.Models;
using Relay.Domain;

namespace Relay.Api.Models;

/// <summary>A list of models: Anthropic's format for requests with <c>anthropic-version</c>.</summary>
[OneOf(typeof(ModelsAnswer), typeof(AnthropicModelsAnswer))]
internal sealed record AnyModelsAnswer;

/// <summary>A model: Anthropic's format for requests with <c>anthropic-version</c>.</summary>
[OneOf(typeof(ModelContract), typeof(AnthropicModelContract))]
internal sealed record AnyModelAnswer;

/// <summary>
/// The models that the key may name. <c>object</c> and <c>data</c> are fields of OpenAI's API, the others the relay's own.
/// </summary>
/// <param name="Ok">Always true.</param>
/// <param name="Default">The model of a request that names no model. Absent when the key may not use it.</param>
/// <param name="Models">Names that the key may use: the operator's names in the operator's order, then full ids.</param>
/// <param name="Object">Always <c>list</c>.</param>
/// <param name="Data">The same models, as OpenAI's clients read them.</param>
internal sealed record ModelsAnswer(
    [property: Values(true)] bool Ok,
    string? Default,
    [property: Keywords("""{"uniqueItems":true}""")] IReadOnlyCollection<string> Models,
    [property: Values("list")] string Object,
    IEnumerable<ModelContract> Data
);

/// <summary>One model, as OpenAI's clients read it.</summary>
/// <param name="Id">The name to use.</param>
/// <param name="Object">Always <c>model</c>.</param>
/// <param name="Created">Unix time in seconds. Always 0: Anthropic does not publish when a name was made.</param>
/// <param name="OwnedBy">Always <c>anthropic</c>.</param>
internal sealed record ModelContract(
    string Id,
    [property: Values("model")] string Object,
    [property: Values(0)] long Created,
    [property: Values("anthropic")] string OwnedBy
)
{
    public static ModelContract Of(string name) => new(name, "model", 0, "anthropic");
}

/// <summary>The models that the key may name, for requests with <c>anthropic-version</c>: one page with all of them.</summary>
/// <param name="Data">The models.</param>
/// <param name="HasMore">Always false.</param>
/// <param name="FirstId">The first of them. Null for an empty list.</param>
/// <param name="LastId">The last of them. Null for an empty list.</param>
internal sealed record AnthropicModelsAnswer(
    IEnumerable<AnthropicModelContract> Data,
    [property: Values(false)] bool HasMore,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FirstId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? LastId
);

/// <summary>One model, as Anthropic's clients read it.</summary>
/// <param name="Type">Always <c>model</c>.</param>
/// <param name="Id">The name to use.</param>
/// <param name="DisplayName">The same name.</param>
/// <param name="CreatedAt">Always 1970: Anthropic does not publish when a name was made.</param>
internal sealed record AnthropicModelContract(
    [property: Values("model")] string Type,
    string Id,
    string DisplayName,
    [property: Keywords("""{"const":"1970-01-01T00:00:00+00:00"}""")] DateTimeOffset CreatedAt
)
{
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
    /// The list has the names that the operator chose, then full ids of the families that the relay knows. Other ids of these families may
    /// be named, too. With <c>anthropic-version</c>, which Anthropic's SDKs send, the answer has Anthropic's format. Otherwise
    /// <c>object</c> and <c>data</c> are fields of OpenAI's API, <c>default</c> and <c>models</c> the relay's own. Any good key may ask.
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
            ? this.NoStoreJson(
                new AnthropicModelsAnswer(
                    models.Names.Select(AnthropicModelContract.Of),
                    HasMore: false,
                    models.Names.FirstOrDefault(),
                    models.Names.LastOrDefault()
                )
            )
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

        return HttpContext.Surface() == ApiSurface.Anthropic
            ? this.NoStoreJson(AnthropicModelContract.Of(model))
            : this.NoStoreJson(ModelContract.Of(model));
    }
}
