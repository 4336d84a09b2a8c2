using Relay.Application.Usage;
using Relay.Domain;

namespace Relay.Application.Keys;

/// <summary>Lists keys with the time of their last use.</summary>
internal sealed class KeyLister(IKeyRepository repository, IUsageReader usage)
{
    /// <summary>The keys, oldest first.</summary>
    public async Task<Result<IReadOnlyList<ListedKey>>> ListAsync(bool withRevoked, CancellationToken cancellationToken)
    {
        if (!(await repository.ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        var lastUsed = await usage.ReadLastUsedAsync(cancellationToken);
        return Result<IReadOnlyList<ListedKey>>.Success([
            .. keys.Where(key => withRevoked || key.RevokedAt is null)
                .Select(key => new ListedKey(key, lastUsed.TryGetValue(key.Id, out var at) ? at : null)),
        ]);
    }
}
