namespace Relay.Domain.Keys;

/// <summary>One app's permission to use the relay. Immutable; counters belong to its id, never to its hash.</summary>
/// <param name="Id">Stable and random, <c>key_</c> and 16 hex digits.</param>
/// <param name="Label">The operator's unique name for it.</param>
/// <param name="Hash">Of the secret.</param>
/// <param name="Prefix">The first characters of the secret, to recognise it by.</param>
/// <param name="CreatedAt">UTC.</param>
/// <param name="RevokedAt">UTC; null while it works.</param>
/// <param name="DailyLimit">Requests a UTC day; null for the operator's default.</param>
public sealed record ApiKey(
    string Id,
    KeyLabel Label,
    KeyHash Hash,
    string Prefix,
    DateTimeOffset CreatedAt,
    DateTimeOffset? RevokedAt = null,
    int? DailyLimit = null)
{
    /// <summary>Largest daily limit that can be set.</summary>
    public const int MaxDailyLimit = 10_000_000;

    /// <summary>Whether it opens the door.</summary>
    public bool IsActive => RevokedAt is null;

    /// <summary>Makes a key and the secret that is shown once.</summary>
    public static (ApiKey Key, KeySecret Secret) Create(KeyLabel label, int? dailyLimit, DateTimeOffset now)
    {
        var secret = KeySecret.Generate();
        var id = "key_" + Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8));
        return (new ApiKey(id, label, secret.Hash, secret.Prefix, now, DailyLimit: dailyLimit), secret);
    }

    /// <summary>The same key, shut.</summary>
    public ApiKey Revoke(DateTimeOffset now) => this with { RevokedAt = RevokedAt ?? now };
}
