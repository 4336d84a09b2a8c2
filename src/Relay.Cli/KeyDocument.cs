using System.Globalization;
using Relay.Domain.Keys;

namespace Relay.Cli;

/// <summary>A key as programs read it: without its hashes, and with the prefix of its secret only.</summary>
internal sealed record KeyDocument(
    string Id,
    string Label,
    string Prefix,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? OldSecretUntil,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string>? Models,
    bool NoTools,
    KeyLimitsDocument Limits
)
{
    public static KeyDocument Of(ApiKey key, DateTimeOffset? lastUsedAt, DateTimeOffset now) =>
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
            key.Models?.Select(model => model.Value).ToList(),
            !key.AllowsTools,
            new KeyLimitsDocument(key.Limits.RequestsPerMinute, key.Limits.RequestsPerDay, key.Limits.Concurrency, key.Limits.UsdPerDay)
        );

    public static string Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>A key's own limits; null for the relay's setting.</summary>
internal sealed record KeyLimitsDocument(int? Rpm, int? Daily, int? Concurrency, decimal? UsdPerDay);
