using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Domain.Keys;

namespace Relay.Infrastructure.KeyFile;

/// <summary><c>keys.json</c> as it stands on the disk.</summary>
internal sealed record KeyFileDocument
{
    /// <summary>The version written; an older one would be read, a newer one is refused.</summary>
    public const int CurrentVersion = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        WriteIndented = true,
    };

    public required int Version { get; init; }

    public required IReadOnlyList<Entry> Keys { get; init; }

    /// <summary>Reads a file's bytes.</summary>
    /// <exception cref="FormatException">It is not a key file this relay can read; says why, without its content.</exception>
    public static IReadOnlyList<ApiKey> Parse(ReadOnlySpan<byte> bytes)
    {
        KeyFileDocument? document;
        try
        {
            document = JsonSerializer.Deserialize<KeyFileDocument>(bytes, Json);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"it is not a key file (line {exception.LineNumber + 1}, {exception.Path})", exception);
        }

        return document switch
        {
            null or { Version: < 1 } => throw new FormatException("it has no version"),
            { Version: > CurrentVersion } => throw new FormatException($"its version {document.Version} is newer than {CurrentVersion}, the newest this relay reads"),
            _ => ToKeys(document.Keys),
        };
    }

    /// <summary>The bytes of a file with these keys.</summary>
    public static byte[] Format(IEnumerable<ApiKey> keys) => JsonSerializer.SerializeToUtf8Bytes(
        new KeyFileDocument
        {
            Version = CurrentVersion,
            Keys = [.. keys.Select(key => new Entry(key.Id, key.Label.Value, key.Hash.Value, key.Prefix, key.CreatedAt, key.RevokedAt, key.DailyLimit))],
        },
        Json);

    private static List<ApiKey> ToKeys(IEnumerable<Entry?> entries)
    {
        var keys = entries.Select(entry => ToKey(entry ?? throw new FormatException("an entry is null"))).ToList();
        var isUnique = keys.DistinctBy(key => key.Id, StringComparer.Ordinal).Count() == keys.Count && keys.DistinctBy(key => key.Hash).Count() == keys.Count;
        return isUnique ? keys : throw new FormatException("two entries have the same id or hash");
    }

    private static ApiKey ToKey(Entry entry)
    {
        if (!KeyLabel.Create(entry.Label).TryGet(out var label, out _) || KeyHash.Parse(entry.Hash) is not { } hash || string.IsNullOrEmpty(entry.Id))
        {
            throw new FormatException($"the entry '{entry.Id}' has a wrong id, label or hash");
        }

        return new ApiKey(entry.Id, label, hash, entry.Prefix, entry.CreatedAt, entry.RevokedAt, entry.DailyLimit);
    }

    internal sealed record Entry(
        string Id, string Label, string Hash, string Prefix, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt, int? DailyLimit);
}
