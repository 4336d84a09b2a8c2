using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Application.Keys;

/// <summary>Mints a key. The secret is in the answer and nowhere else.</summary>
/// <param name="Label">A label that no key has, apart from revoked ones.</param>
/// <param name="Limits">Its own limits.</param>
/// <param name="Scopes">The scopes of the key.</param>
/// <param name="Models">The only models it may name; null for all.</param>
/// <param name="ExpiresIn">The time that it works; null for a key that works until it is revoked.</param>
/// <param name="By">The request of the admin key that asks for it; null for a command that the system's user runs.</param>
public sealed record AddKeyCommand(
    KeyLabel Label,
    KeyLimits Limits,
    KeyScopes Scopes = KeyScopes.Default,
    IReadOnlyList<ModelName>? Models = null,
    TimeSpan? ExpiresIn = null,
    RequestContext? By = null
) : IRequest<Result<AddedKey>>
{
    /// <summary>Whether its requests may declare tools.</summary>
    public bool AllowsTools { get; init; } = true;
}

public sealed record AddedKey(ApiKey Key, KeySecret Secret);

internal sealed class AddKeyValidator : AbstractValidator<AddKeyCommand>
{
    public AddKeyValidator()
    {
        RuleFor(command => command.Limits).MustBeInRange();
        RuleFor(command => command.Scopes)
            .NotEqual(KeyScopes.None)
            .WithRelayError(ErrorCode.InvalidRequest, "scopes", "A key needs at least one scope.");
        RuleFor(command => command.Models)
            .Must(models => models is not { Count: 0 })
            .WithRelayError(ErrorCode.InvalidRequest, "models", "A list of models needs at least one. Leave the list out to allow all.");
        RuleFor(command => command.ExpiresIn)
            .Must(time => time is null || (time > TimeSpan.Zero && time <= TimeSpan.FromDays(3650)))
            .WithRelayError(ErrorCode.InvalidRequest, "expires_in", "The time until a key expires is more than 0 and at most ten years.");
    }
}

internal sealed class AddKeyHandler(KeyEditor keys) : IRequestHandler<AddKeyCommand, Result<AddedKey>>
{
    public Task<Result<AddedKey>> Handle(AddKeyCommand command, CancellationToken cancellationToken) =>
        keys.AddAsync(
            command.Label,
            key =>
                key with
                {
                    Limits = command.Limits,
                    Scopes = command.Scopes,
                    Models = command.Models,
                    AllowsTools = command.AllowsTools,
                    ExpiresAt = key.CreatedAt + command.ExpiresIn,
                },
            command.By,
            cancellationToken
        );
}
