using FluentValidation;
using MediatR;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Lists the keys, oldest first.</summary>
/// <param name="WithRevoked">Whether to list revoked keys, too.</param>
public sealed record ListKeysQuery(bool WithRevoked) : IRequest<Result<IReadOnlyList<ListedKey>>>;

/// <summary>One key, and the time when it was last let in.</summary>
/// <param name="Key">The key.</param>
/// <param name="LastUsedAt">UTC, to the second or so; null for never.</param>
public sealed record ListedKey(ApiKey Key, DateTimeOffset? LastUsedAt);

internal sealed class ListKeysValidator : AbstractValidator<ListKeysQuery>;

internal sealed class ListKeysHandler(IKeyRepository repository, IUsageReader usage)
    : IRequestHandler<ListKeysQuery, Result<IReadOnlyList<ListedKey>>>
{
    public async Task<Result<IReadOnlyList<ListedKey>>> Handle(ListKeysQuery query, CancellationToken cancellationToken)
    {
        if (!(await repository.ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        var lastUsed = await usage.ReadLastUsedAsync(cancellationToken);
        return Result<IReadOnlyList<ListedKey>>.Success([
            .. keys.Where(key => query.WithRevoked || key.RevokedAt is null)
                .Select(key => new ListedKey(key, lastUsed.TryGetValue(key.Id, out var at) ? at : null)),
        ]);
    }
}
