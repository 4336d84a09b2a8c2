using FluentValidation;
using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Shuts a key for good.</summary>
public sealed record RevokeKeyCommand(KeyLabel Label) : IRequest<Result<ApiKey>>;

internal sealed class RevokeKeyValidator : AbstractValidator<RevokeKeyCommand>
{
    public RevokeKeyValidator() => RuleFor(command => command.Label).NotNull();
}

internal sealed class RevokeKeyHandler(IKeyRepository repository, TimeProvider clock) : IRequestHandler<RevokeKeyCommand, Result<ApiKey>>
{
    public Task<Result<ApiKey>> Handle(RevokeKeyCommand command, CancellationToken cancellationToken) =>
        repository.ChangeAsync<ApiKey>(
            keys =>
            {
                if (keys.FirstOrDefault(key => key.IsActive && key.Label == command.Label) is not { } found)
                {
                    return new RelayError(ErrorCode.NotFound, $"There is no active key '{command.Label}'.", "label");
                }

                var revoked = found.Revoke(clock.GetUtcNow());
                return ((IReadOnlyList<ApiKey>)[.. keys.Select(key => key.Id == found.Id ? revoked : key)], revoked);
            },
            cancellationToken);
}
