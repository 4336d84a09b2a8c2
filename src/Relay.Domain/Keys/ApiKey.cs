using System.Security.Cryptography;
using Relay.Domain.Models;

namespace Relay.Domain.Keys;

/// <summary>A secret that was replaced, and still works for a while.</summary>
/// <param name="Hash">The hash of that secret.</param>
/// <param name="Until">UTC; the secret works until then.</param>
public sealed record OldSecret(KeyHash Hash, DateTimeOffset Until);

/// <summary>One app's permission to use the relay. Immutable; counters belong to its id, never to its hash.</summary>
/// <param name="Id">Stable and random, <c>key_</c> and 16 hex digits.</param>
/// <param name="Label">The operator's unique name for the key.</param>
/// <param name="Hash">The hash of the secret.</param>
/// <param name="Prefix">The first characters of the secret, to recognise it by.</param>
/// <param name="CreatedAt">UTC.</param>
public sealed record ApiKey(string Id, KeyLabel Label, KeyHash Hash, string Prefix, DateTimeOffset CreatedAt)
{
    /// <summary>Longest time that an old secret may go on working.</summary>
    public static readonly TimeSpan MaxOverlap = TimeSpan.FromDays(30);

    /// <summary>UTC; null for a key that does not expire.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>UTC; null for a key that is not revoked.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>The time when the secret was last replaced, UTC; null for a key that still has its first one.</summary>
    public DateTimeOffset? RotatedAt { get; init; }

    /// <summary>The scopes of the key.</summary>
    public KeyScopes Scopes { get; init; } = KeyScopes.Default;

    /// <summary>The only models it may name; null for all that the operator allows.</summary>
    public IReadOnlyList<ModelName>? Models { get; init; }

    /// <summary>Whether its requests may declare tools, and hold calls of tools. Tools run at the caller.</summary>
    public bool AllowsTools { get; init; } = true;

    /// <summary>The key's own limits.</summary>
    public KeyLimits Limits { get; init; } = KeyLimits.Default;

    /// <summary>Secrets that were replaced not long ago.</summary>
    public IReadOnlyList<OldSecret> OldSecrets { get; init; } = [];

    /// <summary>Makes a key and the secret that is shown once.</summary>
    public static (ApiKey Key, KeySecret Secret) Create(KeyLabel label, DateTimeOffset now)
    {
        var secret = KeySecret.Generate();
        var id = "key_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        return (new ApiKey(id, label, secret.Hash, secret.Prefix, now), secret);
    }

    /// <summary>Whether the key is neither revoked nor expired.</summary>
    public bool IsActive(DateTimeOffset now) => RevokedAt is null && (ExpiresAt is not { } end || end > now);

    /// <summary>The time until which an old secret still works; null when none does.</summary>
    public DateTimeOffset? OldSecretUntil(DateTimeOffset now) =>
        OldSecrets.Where(old => old.Until > now).Max(old => (DateTimeOffset?)old.Until);

    /// <summary>Whether the key works now, and a secret with this hash is one of its secrets.</summary>
    public bool Opens(KeyHash hash, DateTimeOffset now) =>
        IsActive(now) && (Hash.FixedTimeEquals(hash) || OldSecrets.Any(old => old.Until > now && old.Hash.FixedTimeEquals(hash)));

    /// <summary>Whether the key may use the model.</summary>
    public bool Allows(ModelName model) => Models is null || Models.Any(own => own.Covers(model));

    /// <summary>The same key, revoked.</summary>
    public ApiKey Revoke(DateTimeOffset now) => this with { RevokedAt = RevokedAt ?? now };

    /// <summary>
    /// The same key with a new secret. The current secret and earlier ones work until the overlap is over, and no longer. Without an
    /// overlap they stop working at once.
    /// </summary>
    public (ApiKey Key, KeySecret Secret) Rotate(TimeSpan overlap, DateTimeOffset now)
    {
        var secret = KeySecret.Generate();
        var until = now + overlap;
        var oldSecrets = OldSecrets
            .Append(new OldSecret(Hash, until))
            .Select(old => old.Until <= until ? old : old with { Until = until })
            .Where(old => old.Until > now);
        return (this with { Hash = secret.Hash, Prefix = secret.Prefix, RotatedAt = now, OldSecrets = [.. oldSecrets] }, secret);
    }

    /// <summary>The same key with another copy's secrets, if newer: an older copy never restores an old secret.</summary>
    public ApiKey WithNewerSecretsOf(ApiKey other) =>
        (other.RotatedAt ?? other.CreatedAt) > (RotatedAt ?? CreatedAt)
            ? this with
            {
                Hash = other.Hash,
                Prefix = other.Prefix,
                RotatedAt = other.RotatedAt,
                OldSecrets = other.OldSecrets,
            }
            : this;
}
