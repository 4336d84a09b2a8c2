using FluentValidation;
using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Shuts a key for good, with what it has queued and running.</summary>
public sealed record RevokeKeyCommand(KeyLabel Label) : IRequest<Result<ApiKey>>;

internal sealed class RevokeKeyValidator : AbstractValidator<RevokeKeyCommand>
{
    public RevokeKeyValidator() => RuleFor(command => command.Label).NotNull();
}

internal sealed class RevokeKeyHandler(KeyEditor keys) : IRequestHandler<RevokeKeyCommand, Result<ApiKey>>
{
    public Task<Result<ApiKey>> Handle(RevokeKeyCommand command, CancellationToken cancellationToken) =>
        keys.ChangeAsync(
            command.Label,
            "key_revoked",
            (key, now) =>
            {
                var revoked = key.Revoke(now);
                return (revoked, revoked);
            },
            cancellationToken);
}
