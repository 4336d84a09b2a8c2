using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Models;

/// <summary>Looks whether a caller may name a model. Spends nothing.</summary>
public sealed record FindModelQuery(ApiKey Caller, string Name) : IRequest<Result<string>>;

internal sealed class FindModelHandler(ModelCatalog models) : IRequestHandler<FindModelQuery, Result<string>>
{
    private static readonly RelayError NoSuchModel = new(
        ErrorCode.NotFound,
        "There is no such model for this key. GET /v1/models lists those it can use.",
        "model"
    );

    public Task<Result<string>> Handle(FindModelQuery query, CancellationToken cancellationToken)
    {
        var isFound = models.Read(query.Name).TryGet(out var model, out _) && models.IsAllowed(model) && query.Caller.Allows(model);
        return Task.FromResult<Result<string>>(isFound ? query.Name : NoSuchModel);
    }
}
