using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Application.Models;

/// <summary>Whether a caller may name a model. Spends nothing.</summary>
/// <param name="Caller">Who asks.</param>
/// <param name="Name">As the caller wrote it.</param>
public sealed record FindModelQuery(ApiKey Caller, string Name) : IRequest<Result<ModelName>>;

internal sealed class FindModelValidator : AbstractValidator<FindModelQuery>
{
    public FindModelValidator() => RuleFor(query => query.Name).Must(name => ModelName.Create(name).Error is null)
        .WithRelayError(ErrorCode.NotFound, "model", "There is no such model. GET /v1/models lists those you can use.");
}

internal sealed class FindModelHandler(ModelCatalog models) : IRequestHandler<FindModelQuery, Result<ModelName>>
{
    private static readonly RelayError NoSuchModel = new(ErrorCode.NotFound, "There is no such model for this key. GET /v1/models lists those it can use.", "model");

    public Task<Result<ModelName>> Handle(FindModelQuery query, CancellationToken cancellationToken)
    {
        var name = ModelName.Create(query.Name).Value;
        return Task.FromResult<Result<ModelName>>(models.IsAllowed(name) && query.Caller.Allows(models.Resolve(name)) ? name : NoSuchModel);
    }
}
