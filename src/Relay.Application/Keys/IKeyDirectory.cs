using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Looks up keys in memory, on every request. The memory follows the stored keys.</summary>
public interface IKeyDirectory
{
    /// <summary>The active key of a secret, or null.</summary>
    ApiKey? Find(KeySecret secret);

    /// <summary>The active key that a secret of this hash opens now, or null: revoked, expired, or an old secret that has ended.</summary>
    ApiKey? Find(KeyHash hash);

    /// <summary>
    /// Whether the keys are known. False on a relay that has not reached the store of keys since its start: it can't tell a good key from
    /// a bad one.
    /// </summary>
    bool IsKnown { get; }

    /// <summary>Whether a key with this id is revoked or no longer exists, as of the last reload. An expired key is not revoked.</summary>
    bool IsRevoked(string keyId);

    /// <summary>
    /// Raised after each reload with the ids of the keys that are not revoked. Expired keys are among them: their running requests were
    /// let in while the keys were good, and go on unless a key is revoked.
    /// </summary>
    event Action<IReadOnlySet<string>> Reloaded;
}
