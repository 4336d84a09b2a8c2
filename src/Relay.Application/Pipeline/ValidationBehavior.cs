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

internal static class ValidationErrors
{
    /// <summary>Gives a rule its error of the relay's closed set.</summary>
    public static IRuleBuilderOptions<T, TProperty> WithRelayError<T, TProperty>(
        this IRuleBuilderOptions<T, TProperty> rule,
        ErrorCode code,
        string field,
        string message
    ) => rule.WithRelayError(code, field, () => message);

    /// <summary>Gives a rule its error, with a message that depends on a setting that may change.</summary>
    public static IRuleBuilderOptions<T, TProperty> WithRelayError<T, TProperty>(
        this IRuleBuilderOptions<T, TProperty> rule,
        ErrorCode code,
        string field,
        Func<string> message
    ) => rule.WithMessage(_ => message()).WithState(_ => new RelayError(code, message(), field));
}
