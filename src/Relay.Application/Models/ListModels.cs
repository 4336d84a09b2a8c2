using MediatR;
using Relay.Domain;

namespace Relay.Application.Models;

/// <summary>What a caller may name as a model. Spends nothing.</summary>
public sealed record ListModelsQuery : IRequest<Result<ModelList>>;

/// <param name="Default">What a request gets that names none.</param>
/// <param name="Names">All that may be named, in the operator's order.</param>
public sealed record ModelList(string Default, IReadOnlyCollection<string> Names);

internal sealed class ListModelsHandler(ModelCatalog models) : IRequestHandler<ListModelsQuery, Result<ModelList>>
{
    public Task<Result<ModelList>> Handle(ListModelsQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<Result<ModelList>>(new ModelList(models.Default.Value, models.Names));
}
