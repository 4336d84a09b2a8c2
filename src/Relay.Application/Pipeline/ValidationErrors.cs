using FluentValidation;
using Relay.Domain;

namespace Relay.Application.Pipeline;

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
