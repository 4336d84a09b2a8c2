using MediatR;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Lists the keys, oldest first.</summary>
public sealed record ListKeysQuery(bool WithRevoked) : IRequest<Result<IReadOnlyList<ListedKey>>>;

/// <summary>One key, and the time when it was last let in.</summary>
/// <param name="Key">The key.</param>
/// <param name="LastUsedAt">UTC, to the second or so; null for never.</param>
public sealed record ListedKey(ApiKey Key, DateTimeOffset? LastUsedAt);

internal sealed class ListKeysHandler(KeyLister keys) : IRequestHandler<ListKeysQuery, Result<IReadOnlyList<ListedKey>>>
{
    public Task<Result<IReadOnlyList<ListedKey>>> Handle(ListKeysQuery query, CancellationToken cancellationToken) =>
        keys.ListAsync(query.WithRevoked, cancellationToken);
}
