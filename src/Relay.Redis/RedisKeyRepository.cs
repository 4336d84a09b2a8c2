using System.Text.Json;
using Relay.Application.Keys;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Infrastructure.KeyFile;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// The keys of the fleet: an entry for each, as in <c>keys.json</c>, and one version of all. A change is computed from the keys that were
/// read, and is written only if no other change came between. Only entries that differ are written.
/// </summary>
internal sealed class RedisKeyRepository(RedisLink link) : IKeyRepository
{
    private const int MostAttempts = 20;
    private const int PageSize = 1000;

    /// <summary>A hundred thousand keys are some tens of megabytes.</summary>
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(30);

    public async Task<Result<T>> ChangeAsync<T>(
        Func<IReadOnlyList<ApiKey>, Result<(IReadOnlyList<ApiKey> Keys, T Value)>> change,
        CancellationToken cancellationToken
    )
    {
        try
        {
            for (var attempt = 0; attempt < MostAttempts; attempt++)
            {
                var (version, before) = await ReadAllAsync(cancellationToken);
                if (!change(before).TryGet(out var changed, out var error))
                {
                    return error;
                }

                if (await TryWriteAsync(version, before, changed.Keys, cancellationToken))
                {
                    return changed.Value;
                }
            }
        }
        catch (RelayErrorException exception)
        {
            return exception.Error;
        }
        catch (FormatException exception)
        {
            return Unreadable(exception);
        }

        return new RelayError(ErrorCode.Conflict, "The keys were changed by others again and again. Try again.");
    }

    public async Task<Result<IReadOnlyList<ApiKey>>> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Result<IReadOnlyList<ApiKey>>.Success((await ReadAllAsync(cancellationToken)).Keys);
        }
        catch (RelayErrorException exception)
        {
            return exception.Error;
        }
        catch (FormatException exception)
        {
            return Unreadable(exception);
        }
    }

    /// <summary>All keys, oldest first, and a version that is not newer than any of them.</summary>
    /// <exception cref="RelayErrorException">The keys can't be read now.</exception>
    /// <exception cref="FormatException">This relay can't read an entry.</exception>
    public Task<(long Version, List<ApiKey> Keys)> ReadAllAsync(CancellationToken cancellationToken) =>
        link.AskAsync(
            async database =>
            {
                // Read first: a key that changes while the pages are read has a newer version, and is read or refused then.
                var version = (long)await database.StringGetAsync(link.Names.KeysVersion);
                var keys = new Dictionary<string, ApiKey>(StringComparer.Ordinal);
                await foreach (var entry in database.HashScanAsync(link.Names.Keys, pageSize: PageSize).WithCancellation(cancellationToken))
                {
                    keys[entry.Name.ToString()] = Parse(entry.Value);
                }

                return (version, keys.Values.OrderBy(key => key.CreatedAt).ThenBy(key => key.Id, StringComparer.Ordinal).ToList());
            },
            ReadTimeout,
            cancellationToken
        );

    /// <summary>The changes after a version; null for a key that is gone.</summary>
    /// <exception cref="RelayErrorException">The keys can't be read now.</exception>
    /// <exception cref="FormatException">This relay can't read an entry.</exception>
    public async Task<(long Version, IReadOnlyList<(string Id, ApiKey? Key)> Changes)> ReadChangesAsync(
        long since,
        CancellationToken cancellationToken
    )
    {
        var names = link.Names;
        var answer = (RedisValue[])
            (
                await link.AskAsync(
                    database =>
                        database.ScriptEvaluateAsync(RedisScripts.ReadKeys, [names.Keys, names.KeysVersion, names.KeysChanged], [since]),
                    ReadTimeout,
                    cancellationToken
                )
            )!;
        return (
            (long)answer[0],
            [.. answer.Skip(1).Chunk(2).Select(pair => (pair[0].ToString(), pair[1].Length() == 0 ? null : Parse(pair[1])))]
        );
    }

    private async Task<bool> TryWriteAsync(
        long version,
        IReadOnlyList<ApiKey> before,
        IReadOnlyList<ApiKey> after,
        CancellationToken cancellationToken
    )
    {
        // An unchanged key stays the same object.
        var known = before.ToHashSet(ReferenceEqualityComparer.Instance);
        var ids = after.Select(key => key.Id).ToHashSet(StringComparer.Ordinal);
        RedisValue[] changes =
        [
            .. after.Where(key => !known.Contains(key)).SelectMany(key => (RedisValue[])[key.Id, KeyFileDocument.FormatEntry(key)]),
            .. before.Where(key => !ids.Contains(key.Id)).SelectMany(key => (RedisValue[])[key.Id, RedisValue.EmptyString]),
        ];
        if (changes.Length == 0)
        {
            return true;
        }

        var names = link.Names;
        return (long)
                await link.AskAsync(
                    database =>
                        database.ScriptEvaluateAsync(
                            RedisScripts.WriteKeys,
                            [names.Keys, names.KeysVersion, names.KeysChanged],
                            [version, names.Channel, .. changes]
                        ),
                    ReadTimeout,
                    cancellationToken
                ) != 0;
    }

    private static ApiKey Parse(RedisValue entry)
    {
        try
        {
            return KeyFileDocument.ParseEntry(((ReadOnlyMemory<byte>)entry).Span);
        }
        catch (JsonException exception)
        {
            throw new FormatException("this relay can't read an entry", exception);
        }
    }

    private static RelayError Unreadable(FormatException exception) =>
        new(ErrorCode.InternalError, $"The keys in the shared state can't be read: {exception.Message}.");
}
