using Relay.Application.Auditing;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Changes one key in one atomic step, and writes the change and its author to the audit log.</summary>
internal sealed class KeyEditor(IKeyRepository repository, IAuditLog auditLog, TimeProvider clock)
{
    /// <summary>Adds a key, unless its label is taken.</summary>
    public async Task<Result<AddedKey>> AddAsync(
        KeyLabel label,
        Func<ApiKey, ApiKey> configure,
        RequestContext? by,
        CancellationToken cancellationToken
    )
    {
        var added = await repository.ChangeAsync<AddedKey>(
            keys =>
            {
                if (keys.Any(key => key.RevokedAt is null && key.Label == label))
                {
                    return new RelayError(
                        ErrorCode.Conflict,
                        $"There is a key '{label}' already. Revoke it first, or choose another label.",
                        "label"
                    );
                }

                var (key, secret) = ApiKey.Create(label, clock.GetUtcNow());
                key = configure(key);
                return ((IReadOnlyList<ApiKey>)[.. keys, key], new AddedKey(key, secret));
            },
            cancellationToken
        );
        if (added.TryGet(out var value, out _))
        {
            Record("key_added", by, null, value.Key);
        }

        return added;
    }

    /// <summary>Applies a change to a key that is not revoked. The action is the change's name in the audit log.</summary>
    public async Task<Result<T>> ChangeAsync<T>(
        KeyReference which,
        string action,
        Func<ApiKey, DateTimeOffset, (ApiKey Key, T Value)> change,
        RequestContext? by,
        CancellationToken cancellationToken
    )
    {
        var changed = await repository.ChangeAsync<(ApiKey Before, ApiKey After, T Value)>(
            keys =>
            {
                if (keys.FirstOrDefault(which.Means) is not { } found)
                {
                    return NoSuchKey(which);
                }

                var (after, value) = change(found, clock.GetUtcNow());
                return ((IReadOnlyList<ApiKey>)[.. keys.Select(key => key.Id == found.Id ? after : key)], (found, after, value));
            },
            cancellationToken
        );
        if (!changed.TryGet(out var outcome, out var error))
        {
            return error;
        }

        Record(action, by, outcome.Before, outcome.After);
        return outcome.Value;
    }

    /// <summary>The error for no key, or a revoked one. An id is the caller's free text and is not repeated.</summary>
    private static RelayError NoSuchKey(KeyReference which) =>
        which switch
        {
            { Id: null } => new RelayError(
                ErrorCode.NotFound,
                $"There is no key '{which.Label}', or it is revoked. 'relayctl keys list' shows the keys.",
                "label"
            ),
            { Label: null } => new RelayError(ErrorCode.NotFound, "There is no key with this id, or it was revoked meanwhile.", "id"),
            _ => new RelayError(ErrorCode.NotFound, $"The key of this id does not have the label '{which.Label}', or is revoked.", "label"),
        };

    private void Record(string action, RequestContext? by, ApiKey? before, ApiKey after) =>
        auditLog.Write(
            new AuditEntry(action)
            {
                RequestId = by?.RequestId,
                KeyId = after.Id,
                KeyLabel = after.Label.Value,
                By = by is null ? Environment.UserName : $"{by.Caller.Id} ({by.Caller.Label})",
                Before = before,
                After = after,
            }
        );
}
