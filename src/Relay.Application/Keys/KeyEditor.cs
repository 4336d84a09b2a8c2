using Relay.Application.Auditing;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Changes one key in one atomic step, and puts on record who changed what.</summary>
internal sealed class KeyEditor(IKeyRepository repository, IAuditLog auditLog, TimeProvider clock)
{
    /// <summary>Adds a key, unless its label is taken.</summary>
    public async Task<Result<AddedKey>> AddAsync(KeyLabel label, Func<ApiKey, ApiKey> adorn, CancellationToken cancellationToken)
    {
        var added = await repository.ChangeAsync<AddedKey>(
            keys =>
            {
                if (keys.Any(key => key.RevokedAt is null && key.Label == label))
                {
                    return new RelayError(ErrorCode.Conflict, $"There is a key '{label}' already. Revoke it first, or choose another label.", "label");
                }

                var (key, secret) = ApiKey.Create(label, clock.GetUtcNow());
                key = adorn(key);
                return ((IReadOnlyList<ApiKey>)[.. keys, key], new AddedKey(key, secret));
            },
            cancellationToken);
        if (added.TryGet(out var value, out _))
        {
            Record("key_added", null, value.Key);
        }

        return added;
    }

    /// <summary>Changes the key of a label that is not revoked.</summary>
    /// <param name="label">Whose.</param>
    /// <param name="action">The audit log's word for it.</param>
    /// <param name="change">Given the key and the time, answers the changed key and a value for the caller.</param>
    /// <param name="cancellationToken">Gives up waiting for the lock.</param>
    public async Task<Result<T>> ChangeAsync<T>(
        KeyLabel label, string action, Func<ApiKey, DateTimeOffset, (ApiKey Key, T Value)> change, CancellationToken cancellationToken)
    {
        var changed = await repository.ChangeAsync<(ApiKey Before, ApiKey After, T Value)>(
            keys =>
            {
                if (keys.FirstOrDefault(key => key.RevokedAt is null && key.Label == label) is not { } found)
                {
                    return NoSuchKey(label);
                }

                var (after, value) = change(found, clock.GetUtcNow());
                return ((IReadOnlyList<ApiKey>)[.. keys.Select(key => key.Id == found.Id ? after : key)], (found, after, value));
            },
            cancellationToken);
        if (!changed.TryGet(out var outcome, out var error))
        {
            return error;
        }

        Record(action, outcome.Before, outcome.After);
        return outcome.Value;
    }

    /// <summary>What is said of a label that no key has, or only revoked ones.</summary>
    public static RelayError NoSuchKey(KeyLabel label) => new(ErrorCode.NotFound, $"There is no active key '{label}'. 'relayctl keys list' shows those there are.", "label");

    private void Record(string action, ApiKey? before, ApiKey after) => auditLog.Write(new AuditEntry(action)
    {
        KeyId = after.Id,
        KeyLabel = after.Label.Value,
        By = Environment.UserName,
        Before = before,
        After = after,
    });
}
