using Relay.Api.Http;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Api.Dashboard;

/// <summary>The body of <c>POST /dashboard/keys</c>.</summary>
/// <param name="Label">Required: the new key's name, which no active key has.</param>
/// <param name="Limits">Its own limits; the operator's defaults for those that are missing.</param>
/// <param name="Scopes">Some of <c>complete</c>, <c>fetch</c>, <c>usage</c> and <c>admin</c>; the first three when missing.</param>
/// <param name="Models">The only models it may name; all when missing.</param>
/// <param name="ExpiresIn">Seconds that it works; until it is revoked when missing.</param>
internal sealed record AddKeyBody(string? Label, KeyLimitsContract? Limits, IReadOnlyList<string?>? Scopes, IReadOnlyList<string?>? Models, long? ExpiresIn)
{
    /// <summary>The body as a command.</summary>
    public Result<AddKeyCommand> Parse(RequestContext by)
    {
        var fields = new FieldReader();
        var label = fields.Take(KeyLabel.Create(Label));
        var scopes = Scopes is null ? KeyScopes.Default : fields.Take(KeyScopeNames.Parse(Scopes.Select(name => name ?? string.Empty)));
        var models = Models?.Select(name => ParseModel(fields, name)).ToList();
        var expiresIn = ExpiresIn is { } seconds ? fields.Take(Seconds.Parse("expires_in", seconds)) : (TimeSpan?)null;
        return fields.Error is { } error ? error : new AddKeyCommand(label!, Limits?.ToLimits() ?? KeyLimits.Default, scopes, models!, expiresIn, by);
    }

    private static ModelName? ParseModel(FieldReader fields, string? name)
    {
        if (name is not null && ModelName.Create(name).TryGet(out var model, out _))
        {
            return model;
        }

        fields.Refuse("models", "'models' has something that is not the name of a model.");
        return null;
    }
}

/// <summary>The body of <c>PUT /dashboard/keys/{id}/limits</c>, and a key's own limits in answers; the operator's default counts where one is missing.</summary>
/// <param name="Rpm">Completions in any sixty seconds.</param>
/// <param name="Daily">Completions a UTC day.</param>
/// <param name="Concurrency">Completions at once.</param>
/// <param name="Usd">US dollars a UTC day; no such limit when missing.</param>
internal sealed record KeyLimitsContract(int? Rpm, int? Daily, int? Concurrency, decimal? Usd)
{
    /// <summary>Maps them.</summary>
    public static KeyLimitsContract From(KeyLimits limits) => new(limits.RequestsPerMinute, limits.RequestsPerDay, limits.Concurrency, limits.UsdPerDay);

    /// <summary>As the domain has them.</summary>
    public KeyLimits ToLimits() => new(Rpm, Daily, Concurrency, Usd);

    /// <summary>All four are set, those that are missing to the default.</summary>
    public SetKeyLimitsCommand ToCommand(KeyReference key, RequestContext by) =>
        new(key, new LimitChange<int>(Rpm), new LimitChange<int>(Daily), new LimitChange<int>(Concurrency), new LimitChange<decimal>(Usd), by);
}

/// <summary>The body of <c>POST /dashboard/keys/{id}/rotate</c>.</summary>
/// <param name="Overlap">Required: seconds that the old secret goes on working; 0 for not at all.</param>
internal sealed record RotateKeyBody(long? Overlap)
{
    /// <summary>It, as a time.</summary>
    public Result<TimeSpan> ParseOverlap() =>
        Overlap is { } seconds ? Seconds.Parse("overlap", seconds) : RelayError.Invalid("overlap", "'overlap' is required: the seconds that the old secret goes on working, 0 for not at all.");
}

/// <summary>The body of <c>POST /dashboard/keys/{id}/revoke</c>.</summary>
/// <param name="Label">Required: the label of the key of that id, as a check.</param>
internal sealed record RevokeKeyBody(string? Label);

/// <summary>The answer of a change: the key after it.</summary>
internal sealed record KeyAnswer(bool Ok, KeyContract Key)
{
    /// <summary>Maps it.</summary>
    public static KeyAnswer From(ApiKey key, DateTimeOffset now) => new(Ok: true, KeyContract.From(key, lastUsedAt: null, now));
}

/// <summary>The answer of a change that made a secret.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Key">The key after the change.</param>
/// <param name="Secret">This once: it is stored nowhere.</param>
internal sealed record SecretAnswer(bool Ok, KeyContract Key, string Secret)
{
    /// <summary>Maps it.</summary>
    public static SecretAnswer From(AddedKey added, DateTimeOffset now) => new(Ok: true, KeyContract.From(added.Key, lastUsedAt: null, now), added.Secret.Reveal());

    /// <inheritdoc/>
    public override string ToString() => "***";
}

/// <summary>A key. Times are UTC.</summary>
/// <param name="Id">Stable, and never another key's.</param>
/// <param name="Label">The operator's name for it.</param>
/// <param name="Prefix">The first characters of its secret.</param>
/// <param name="CreatedAt">When it was minted.</param>
/// <param name="ExpiresAt">From when on it opens nothing; missing for never.</param>
/// <param name="RevokedAt">When it was shut; missing while it works.</param>
/// <param name="LastUsedAt">When it was last let in; missing for never, and in answers to changes.</param>
/// <param name="OldSecretUntil">Until when a secret that was replaced works; missing when none does.</param>
/// <param name="Scopes">What it may be used for.</param>
/// <param name="Models">The only models it may name; missing for all.</param>
/// <param name="Limits">Its own limits.</param>
internal sealed record KeyContract(
    string Id,
    string Label,
    string Prefix,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? OldSecretUntil,
    IReadOnlyList<string> Scopes,
    IEnumerable<string>? Models,
    KeyLimitsContract Limits)
{
    /// <summary>Maps it.</summary>
    public static KeyContract From(ApiKey key, DateTimeOffset? lastUsedAt, DateTimeOffset now) => new(
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
        KeyLimitsContract.From(key.Limits));
}

/// <summary>Times of bodies are whole seconds.</summary>
internal static class Seconds
{
    /// <summary>What a time beyond any that is allowed is; the exact bounds are the commands'.</summary>
    private const long Most = 10L * 366 * 24 * 60 * 60;

    /// <summary>Seconds that are a time.</summary>
    public static Result<TimeSpan> Parse(string field, long seconds) =>
        seconds is >= 0 and <= Most ? TimeSpan.FromSeconds(seconds) : RelayError.Invalid(field, $"'{field}' is a number of seconds from 0 to {Most}.");
}
