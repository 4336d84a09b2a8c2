using System.IO.Hashing;
using System.Text.Json;
using Relay.Domain.Keys;

namespace Relay.Infrastructure.KeyFile;

/// <summary>
/// Reads <c>keys.json</c>, and remembers its entries by their hash, so that an unchanged entry keeps its object. A hundred thousand new
/// objects at once would stop every request for as long as the garbage collector needs to move them.
/// </summary>
internal sealed class KeyFileReader
{
    private const int FewEntries = 1000;

    private Dictionary<UInt128, ApiKey> _known = [];

    /// <exception cref="FormatException">This relay can't read the file. The message says why, without the file's content.</exception>
    public IReadOnlyList<ApiKey> Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            CheckVersion(bytes);
            return ReadDocument(bytes);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"it is not a key file (line {exception.LineNumber + 1}, {exception.Path})", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new FormatException("it holds text that is not Unicode", exception);
        }
    }

    /// <summary>Checks the version before everything else: it tells more than the unknown fields of a newer file.</summary>
    private static void CheckVersion(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes);
        while (reader.Read())
        {
            if (
                reader is { CurrentDepth: 1, TokenType: JsonTokenType.PropertyName }
                && reader.ValueTextEquals("version"u8)
                && reader.Read()
            )
            {
                var version = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) ? number : 0;
                if (version is >= 1 and <= KeyFileDocument.CurrentVersion)
                {
                    return;
                }

                throw new FormatException(
                    version > KeyFileDocument.CurrentVersion
                        ? $"its version {version} is newer than {KeyFileDocument.CurrentVersion}, the newest this relay reads"
                        : "it has no version"
                );
            }
        }

        throw new FormatException("it has no version");
    }

    private List<ApiKey> ReadDocument(ReadOnlySpan<byte> bytes)
    {
        var reader = new Utf8JsonReader(bytes);
        List<ApiKey>? keys = null;
        var versions = 0;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("version"u8) && versions++ == 0)
            {
                reader.Read();
            }
            else if (keys is null && reader.ValueTextEquals("keys"u8))
            {
                reader.Read();
                keys = ReadEntries(ref reader, bytes);
            }
            else
            {
                throw new FormatException("it has a field that this relay does not know, or the same field twice");
            }
        }

        // Nothing may follow the document; otherwise the reader throws.
        while (reader.Read()) { }

        return keys ?? throw new FormatException("it has no keys");
    }

    private List<ApiKey> ReadEntries(ref Utf8JsonReader reader, ReadOnlySpan<byte> bytes)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new FormatException("its keys are not a list");
        }

        var start = (int)reader.TokenStartIndex;
        var found = FindEntries(ref reader, bytes);
        var list = bytes[start..(int)reader.BytesConsumed];
        // Parsing entries one by one takes three times as long as parsing all at once, and is worth it for a few.
        var parsed = found.Count(entry => !_known.ContainsKey(entry.Hash)) > FewEntries ? KeyFileDocument.ParseEntries(list) : null;
        var known = new Dictionary<UInt128, ApiKey>(found.Count);
        var unique = new UniqueKeys(found.Count);
        for (var number = 0; number < found.Count; number++)
        {
            var (hash, from, length) = found[number];
            if (!_known.TryGetValue(hash, out var key))
            {
                key = parsed is null ? KeyFileDocument.ParseEntry(bytes.Slice(from, length)) : KeyFileDocument.ToKey(parsed[number]);
            }

            known[hash] = key;
            unique.Add(key);
        }

        _known = known;
        return unique.Keys;
    }

    /// <summary>The place of each entry, with its hash. Two entries with one hash need somebody who can write the file anyway.</summary>
    private static List<(UInt128 Hash, int Start, int Length)> FindEntries(ref Utf8JsonReader reader, ReadOnlySpan<byte> bytes)
    {
        var found = new List<(UInt128, int, int)>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException($"entry {found.Count + 1} is no object");
            }

            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var length = (int)reader.BytesConsumed - start;
            found.Add((XxHash128.HashToUInt128(bytes.Slice(start, length)), start, length));
        }

        return found;
    }

    private sealed class UniqueKeys(int capacity)
    {
        private readonly HashSet<string> _ids = new(capacity, StringComparer.Ordinal);
        private readonly HashSet<string> _hashes = new(capacity, StringComparer.Ordinal);
        private readonly HashSet<string> _labels = new(capacity, StringComparer.Ordinal);

        public List<ApiKey> Keys { get; } = new(capacity);

        public void Add(ApiKey key)
        {
            var isNew = _ids.Add(key.Id) && _hashes.Add(key.Hash.Value);
            foreach (var old in key.OldSecrets)
            {
                isNew &= _hashes.Add(old.Hash.Value);
            }

            if (!isNew)
            {
                throw new FormatException("two entries have the same id or hash");
            }

            if (key.RevokedAt is null && !_labels.Add(key.Label.Value))
            {
                throw new FormatException($"two keys in force have the label '{key.Label}'");
            }

            Keys.Add(key);
        }
    }
}
