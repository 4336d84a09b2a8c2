using MediatR;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Revokes a key for good, and ends its waiting and running requests.</summary>
public sealed record RevokeKeyCommand(KeyReference Key, RequestContext? By = null) : IRequest<Result<ApiKey>>;

internal sealed class RevokeKeyHandler(KeyEditor keys) : IRequestHandler<RevokeKeyCommand, Result<ApiKey>>
{
    public Task<Result<ApiKey>> Handle(RevokeKeyCommand command, CancellationToken cancellationToken) =>
        keys.ChangeAsync(
            command.Key,
            "key_revoked",
            (key, now) =>
            {
                var revoked = key.Revoke(now);
                return (revoked, revoked);
            },
            command.By,
            cancellationToken
        );
}
