using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Relay.Domain;

namespace Relay.Application.Pipeline;

/// <summary>Turns a request away before its handler, with the first rule that it breaks.</summary>
internal sealed class ValidationBehavior<TRequest, TResponse>(IEnumerable<IValidator<TRequest>> validators)
    : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        foreach (var validator in validators)
        {
            var validation = await validator.ValidateAsync(request, cancellationToken);
            if (!validation.IsValid)
            {
                return TResponse.Failure(ToError(validation.Errors[0]));
            }
        }

        return await next();
    }

    private static RelayError ToError(ValidationFailure failure) =>
        failure.CustomState as RelayError ?? RelayError.Invalid(failure.PropertyName, failure.ErrorMessage);
}
