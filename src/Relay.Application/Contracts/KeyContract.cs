using System.ComponentModel.DataAnnotations;
using Relay.Domain.Keys;

namespace Relay.Application.Contracts;

/// <summary>A key. Times are UTC.</summary>
/// <param name="Id">A permanent id, which no other key ever gets.</param>
/// <param name="Label">The operator's name for the key.</param>
/// <param name="Prefix">The first characters of the secret.</param>
/// <param name="CreatedAt">Time at which the key was made.</param>
/// <param name="ExpiresAt">Time at which the key expires. Absent: never.</param>
/// <param name="RevokedAt">Time at which the key was revoked. Absent while it works.</param>
/// <param name="LastUsedAt">Time of the last request with the key. Absent for a key that was never used, and in answers to changes.</param>
/// <param name="OldSecretUntil">Time until which an old secret works. Absent when none works.</param>
/// <param name="Scopes">The scopes of the key.</param>
/// <param name="Models">The only models that the key may name. Absent: all.</param>
/// <param name="NoTools">Whether requests with tools are refused.</param>
/// <param name="Limits">The limits of the key.</param>
public sealed record KeyContract(
    [property: RegularExpression(KeyContract.IdForm)] string Id,
    [property: StringLength(KeyLabel.MaxLength, MinimumLength = 1), RegularExpression(KeyContract.LabelForm)] string Label,
    [property: RegularExpression("^crk_[A-Za-z0-9_-]{6}$")] string Prefix,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? OldSecretUntil,
    [property: Keywords("""{"type":"array","minItems":1,"items":{"enum":["complete","fetch","usage","admin"]}}""", Alone = true)]
        IReadOnlyList<string> Scopes,
    IEnumerable<string>? Models,
    bool NoTools,
    KeyLimitsContract Limits
)
{
    /// <summary>The form of an id.</summary>
    public const string IdForm = "^key_[0-9a-f]{16}$";

    /// <summary>The form of a label.</summary>
    public const string LabelForm = "^[A-Za-z0-9._-]+$";

    /// <summary>The wire form of a key: without its hashes, and with the prefix of its secret only.</summary>
    public static KeyContract From(ApiKey key, DateTimeOffset? lastUsedAt, DateTimeOffset now) =>
        new(
            key.Id,
            key.Label.Value,
            key.Prefix,
            key.CreatedAt,
            key.ExpiresAt,
            key.RevokedAt,
            lastUsedAt,
            key.OldSecretUntil(now),
            key.Scopes.ToNames(),
            key.Models?.Select(model => model.Value),
            !key.AllowsTools,
            KeyLimitsContract.From(key.Limits)
        );
}
