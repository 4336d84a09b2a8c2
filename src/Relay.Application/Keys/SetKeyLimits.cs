using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>A limit to set.</summary>
/// <param name="Value">Null to go back to the operator's default.</param>
public sealed record LimitChange<T>(T? Value)
    where T : struct;

/// <summary>Changes a key's own limits. A limit that is null stays as it is.</summary>
public sealed record SetKeyLimitsCommand(
    KeyReference Key,
    LimitChange<int>? RequestsPerMinute = null,
    LimitChange<int>? RequestsPerDay = null,
    LimitChange<int>? Concurrency = null,
    LimitChange<decimal>? UsdPerDay = null,
    RequestContext? By = null
) : IRequest<Result<ApiKey>>
{
    /// <summary>Sets all four limits. A limit that is null becomes the default.</summary>
    public static SetKeyLimitsCommand ToAll(KeyReference key, KeyLimits limits, RequestContext by) =>
        new(
            key,
            new LimitChange<int>(limits.RequestsPerMinute),
            new LimitChange<int>(limits.RequestsPerDay),
            new LimitChange<int>(limits.Concurrency),
            new LimitChange<decimal>(limits.UsdPerDay),
            by
        );

    internal KeyLimits ApplyTo(KeyLimits limits) =>
        new(
            RequestsPerMinute is null ? limits.RequestsPerMinute : RequestsPerMinute.Value,
            RequestsPerDay is null ? limits.RequestsPerDay : RequestsPerDay.Value,
            Concurrency is null ? limits.Concurrency : Concurrency.Value,
            UsdPerDay is null ? limits.UsdPerDay : UsdPerDay.Value
        );
}

internal sealed class SetKeyLimitsValidator : AbstractValidator<SetKeyLimitsCommand>
{
    public SetKeyLimitsValidator()
    {
        RuleFor(command => command)
            .Must(command =>
                (command.RequestsPerMinute ?? command.RequestsPerDay ?? command.Concurrency) is not null || command.UsdPerDay is not null
            )
            .WithRelayError(ErrorCode.InvalidRequest, "limits", "Name at least one limit to set.");
        RuleFor(command => command.ApplyTo(KeyLimits.Default)).MustBeInRange();
    }
}

internal sealed class SetKeyLimitsHandler(KeyEditor keys) : IRequestHandler<SetKeyLimitsCommand, Result<ApiKey>>
{
    public Task<Result<ApiKey>> Handle(SetKeyLimitsCommand command, CancellationToken cancellationToken) =>
        keys.ChangeAsync(
            command.Key,
            "key_limits_set",
            (key, _) =>
            {
                var changed = key with { Limits = command.ApplyTo(key.Limits) };
                return (changed, changed);
            },
            command.By,
            cancellationToken
        );
}

internal static class KeyLimitRules
{
    /// <summary>Requires every limit to be in its range.</summary>
    public static IRuleBuilderOptions<T, KeyLimits> MustBeInRange<T>(this IRuleBuilder<T, KeyLimits> rule) =>
        rule.Must(limits => limits.Problem is null)
            .WithState((_, limits) => limits.Problem)
            .WithMessage((_, limits) => limits.Problem?.Message ?? string.Empty);
}
