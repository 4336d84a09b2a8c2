using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Application.Contracts;
using Relay.Domain.Keys;
using Relay.Domain.Models;

namespace Relay.Infrastructure.KeyFile;

/// <summary>The content of <c>keys.json</c> on the disk.</summary>
internal sealed record KeyFileDocument
{
    /// <summary>The version that is written. Version 1, with at most a <c>daily_limit</c>, is read; a newer one is refused.</summary>
    public const int CurrentVersion = 2;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        WriteIndented = true,
    };

    private static readonly JsonSerializerOptions OnOneLine = new(Json) { WriteIndented = false };

    public required int Version { get; init; }

    public required IReadOnlyList<Entry> Keys { get; init; }

    /// <exception cref="FormatException">This relay can't read the file. The message says why, without the file's content.</exception>
    public static IReadOnlyList<ApiKey> Parse(ReadOnlySpan<byte> bytes) => new KeyFileReader().Read(bytes);

    /// <exception cref="FormatException">This relay can't read a value.</exception>
    /// <exception cref="JsonException">The bytes are not an entry.</exception>
    public static ApiKey ParseEntry(ReadOnlySpan<byte> bytes) => ToKey(JsonSerializer.Deserialize<Entry>(bytes, Json)!);

    public static byte[] FormatEntry(ApiKey key) => JsonSerializer.SerializeToUtf8Bytes(ToEntry(key), OnOneLine);

    /// <summary>Reads a list of entries; each goes through <see cref="ToKey"/>.</summary>
    /// <exception cref="JsonException">The bytes are not a list of entries.</exception>
    public static IReadOnlyList<Entry> ParseEntries(ReadOnlySpan<byte> bytes) => JsonSerializer.Deserialize<List<Entry>>(bytes, Json)!;

    public static byte[] Format(IEnumerable<ApiKey> keys) =>
        JsonSerializer.SerializeToUtf8Bytes(new KeyFileDocument { Version = CurrentVersion, Keys = [.. keys.Select(ToEntry)] }, Json);

    /// <exception cref="FormatException">This relay can't read a value.</exception>
    public static ApiKey ToKey(Entry entry)
    {
        if (
            !KeyLabel.Create(entry.Label).TryGet(out var label, out _)
            || KeyHash.Parse(entry.Hash) is not { } hash
            || string.IsNullOrEmpty(entry.Id)
        )
        {
            throw new FormatException($"the entry '{entry.Id}' has a wrong id, label or hash");
        }

        var limits = entry switch
        {
            { Limits: { } own } => own.ToLimits(),
            { DailyLimit: { } daily } => new KeyLimits(RequestsPerDay: daily),
            _ => KeyLimits.Default,
        };
        if (limits.Problem is { } problem)
        {
            throw new FormatException($"the entry '{entry.Id}' has a wrong limit: {problem.Message}");
        }

        var scopes = KeyScopes.Default;
        if (entry.Scopes is not null && !KeyScopeNames.Parse(entry.Scopes).TryGet(out scopes, out var unknown))
        {
            throw new FormatException($"the entry '{entry.Id}' has a wrong scope: {unknown.Message}");
        }

        return new ApiKey(entry.Id, label, hash, entry.Prefix, entry.CreatedAt)
        {
            ExpiresAt = entry.ExpiresAt,
            RevokedAt = entry.RevokedAt,
            RotatedAt = entry.RotatedAt,
            Scopes = scopes,
            AllowsTools = entry.NoTools != true,
            Models = entry.Models is { } models ? ToModels(entry, models) : null,
            Limits = limits,
            OldSecrets = entry.Retired is { } retired ? [.. retired.Select(old => ToOldSecret(entry, old))] : [],
        };
    }

    /// <summary>Reads the models. An empty list is refused: read as no list, it would allow every model.</summary>
    private static List<ModelName> ToModels(Entry entry, IReadOnlyList<string?> names) =>
        names.Count == 0
            ? throw new FormatException($"the entry '{entry.Id}' has an empty list of models")
            : [.. names.Select(name => ToModel(entry, name))];

    private static ModelName ToModel(Entry entry, string? name) =>
        name is not null && ModelName.Create(name).TryGet(out var model, out _)
            ? model
            : throw new FormatException($"the entry '{entry.Id}' has a wrong model");

    private static OldSecret ToOldSecret(Entry entry, RetiredEntry? old) =>
        old is not null && KeyHash.Parse(old.Hash) is { } hash
            ? new OldSecret(hash, old.Until)
            : throw new FormatException($"the entry '{entry.Id}' has a wrong retired hash");

    private static Entry ToEntry(ApiKey key) =>
        new(key.Id, key.Label.Value, key.Hash.Value, key.Prefix, key.CreatedAt)
        {
            ExpiresAt = key.ExpiresAt,
            RevokedAt = key.RevokedAt,
            RotatedAt = key.RotatedAt,
            Scopes = key.Scopes.ToNames(),
            NoTools = key.AllowsTools ? null : true,
            Models = key.Models?.Select(model => model.Value).ToList(),
            Limits = key.Limits == KeyLimits.Default ? null : KeyLimitsContract.From(key.Limits),
            Retired = key.OldSecrets.Count == 0 ? null : [.. key.OldSecrets.Select(old => new RetiredEntry(old.Hash.Value, old.Until))],
        };

    /// <summary>The form of an <see cref="ApiKey"/> in the file.</summary>
    internal sealed record Entry(string Id, string Label, string Hash, string Prefix, DateTimeOffset CreatedAt)
    {
        public DateTimeOffset? ExpiresAt { get; init; }

        public DateTimeOffset? RevokedAt { get; init; }

        public DateTimeOffset? RotatedAt { get; init; }

        public IReadOnlyList<string>? Scopes { get; init; }

        public bool? NoTools { get; init; }

        public IReadOnlyList<string>? Models { get; init; }

        public KeyLimitsContract? Limits { get; init; }

        public IReadOnlyList<RetiredEntry>? Retired { get; init; }

        /// <summary>The one limit of version 1.</summary>
        public int? DailyLimit { get; init; }
    }

    internal sealed record RetiredEntry(string Hash, DateTimeOffset Until);
}
