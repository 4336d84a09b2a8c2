using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Models;

/// <summary>Lists the names of models that a caller may use. Spends nothing.</summary>
public sealed record ListModelsQuery(ApiKey Caller) : IRequest<Result<ModelList>>;

/// <param name="Default">The model for a request that names none; null when the key may not use that model.</param>
/// <param name="Names">
/// The names that the key may use: models and aliases in the operator's order, then full ids. Other full ids of the families are allowed,
/// too.
/// </param>
public sealed record ModelList(string? Default, IReadOnlyCollection<string> Names);

internal sealed class ListModelsHandler(ModelCatalog models) : IRequestHandler<ListModelsQuery, Result<ModelList>>
{
    public Task<Result<ModelList>> Handle(ListModelsQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<Result<ModelList>>(
            new ModelList(query.Caller.Allows(models.Default) ? models.Default.Value : null, [.. models.NamesFor(query.Caller)])
        );
}
