using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Api.Dashboard;

/// <summary>A new key.</summary>
/// <param name="Label">The label of the key. No other key has it, apart from revoked ones.</param>
/// <param name="Limits">The limits of the key. A missing limit is the operator's default.</param>
/// <param name="Scopes">The scopes of the key. When missing: <c>complete</c>, <c>fetch</c> and <c>usage</c>.</param>
/// <param name="Models">The only models that the key may name. When missing: all.</param>
/// <param name="ExpiresIn">Seconds until the key expires, at most ten years. When missing: it does not expire.</param>
/// <param name="NoTools">Whether requests with tools are refused. When missing: false.</param>
[RequestContract]
internal sealed record AddKeyBody(
    [property: Required, StringLength(KeyLabel.MaxLength, MinimumLength = 1), RegularExpression(KeyContract.LabelForm)] string? Label,
    KeyLimitsContract? Limits,
    [property: Keywords("""{"type":["array","null"],"minItems":1,"items":{"enum":["complete","fetch","usage","admin"]}}""", Alone = true)]
        IReadOnlyList<string?>? Scopes,
    [property: Keywords(
        """{"type":["array","null"],"minItems":1,"items":{"type":"string","maxLength":64,"pattern":"^[a-z][a-z0-9._:@\\[\\]-]*$"}}""",
        Alone = true
    )]
        IReadOnlyList<string?>? Models,
    [property: Range(1, 315_360_000)] long? ExpiresIn,
    bool? NoTools
)
{
    public Result<AddKeyCommand> Parse(RequestContext by)
    {
        var fields = new FieldReader();
        var label = fields.Take(KeyLabel.Create(Label));
        var scopes = Scopes is null ? KeyScopes.Default : fields.Take(KeyScopeNames.Parse(Scopes.Select(name => name ?? string.Empty)));
        var models = Models?.Select(name => ParseModel(fields, name)).ToList();
        var expiresIn = ExpiresIn is { } seconds ? fields.Take(Seconds.Parse("expires_in", seconds)) : (TimeSpan?)null;
        return fields.Error is { } error
            ? error
            : new AddKeyCommand(label!, Limits?.ToLimits() ?? KeyLimits.Default, scopes, models!, expiresIn, by)
            {
                AllowsTools = NoTools != true,
            };
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

/// <summary>The time to change over to a new secret.</summary>
/// <param name="Overlap">Seconds that the old secret goes on working, at most 30 days. 0: it ends at once.</param>
[RequestContract]
internal sealed record RotateKeyBody([property: Required, Range(0, 2_592_000)] long? Overlap)
{
    public Result<TimeSpan> ParseOverlap() =>
        Overlap is { } seconds
            ? Seconds.Parse("overlap", seconds)
            : RelayError.Invalid("overlap", "'overlap' is required: the seconds that the old secret goes on working, 0 for not at all.");
}

/// <summary>The key to revoke, once more.</summary>
/// <param name="Label">The label of the key of that id, as a check.</param>
[RequestContract]
internal sealed record RevokeKeyBody(
    [property: Required, StringLength(KeyLabel.MaxLength, MinimumLength = 1), RegularExpression(KeyContract.LabelForm)] string? Label
);

/// <summary>The key after a change.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Key">The key.</param>
internal sealed record KeyAnswer([property: Values(true)] bool Ok, KeyContract Key)
{
    public static KeyAnswer From(ApiKey key, DateTimeOffset now) => new(Ok: true, KeyContract.From(key, lastUsedAt: null, now));
}

/// <summary>The key after a change that made a secret.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Key">The key.</param>
/// <param name="Secret">The secret. No other answer has it, and the relay does not store it.</param>
internal sealed record SecretAnswer(
    [property: Values(true)] bool Ok,
    KeyContract Key,
    [property: RegularExpression("^crk_[A-Za-z0-9_-]{49}$")] string Secret
)
{
    public static SecretAnswer From(AddedKey added, DateTimeOffset now) =>
        new(Ok: true, KeyContract.From(added.Key, lastUsedAt: null, now), added.Secret.Reveal());

    public override string ToString() => "***";
}
