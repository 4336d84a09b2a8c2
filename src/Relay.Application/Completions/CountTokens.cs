using FluentValidation;
using MediatR;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;

namespace Relay.Application.Completions;

/// <summary>Estimates the tokens of a request. Claude Code can't count them. Spends nothing.</summary>
public sealed record CountTokensQuery(ApiKey Caller, CompletionRequest Request) : IRequest<Result<long>>;

internal sealed class CountTokensValidator : AbstractValidator<CountTokensQuery>
{
    public CountTokensValidator(ModelCatalog models) =>
        RuleFor(query => query.Request.Model)
            .Must((query, model) => models.IsAllowed(model) && query.Caller.Allows(models.Resolve(model)))
            .WithRelayError(ErrorCode.UnknownModel, "model", "There is no such model for this key. GET /v1/models lists those it can use.");
}

internal sealed class CountTokensHandler : IRequestHandler<CountTokensQuery, Result<long>>
{
    public Task<Result<long>> Handle(CountTokensQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<Result<long>>(query.Request.EstimatedInputTokens);
}
