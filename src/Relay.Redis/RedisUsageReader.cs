using Relay.Application.Usage;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>Reads the usage of the whole fleet.</summary>
internal sealed class RedisUsageReader(RedisLink link, TimeProvider clock, Outbox? outbox = null) : IUsageReader
{
    private const int AtOnce = 200;

    /// <summary>The time limit for the operator's reports, which may cover all keys.</summary>
    private static readonly TimeSpan ReportTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FlushTimeout = TimeSpan.FromMilliseconds(200);

    public async Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        // One day after today, too: the server's clock may be ahead of this one.
        var last = RedisNames.ToNumber(DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime)) + 1;
        var days = Enumerable.Range(RedisNames.ToNumber(since), Math.Max(0, last - RedisNames.ToNumber(since) + 1)).ToList();
        List<(int Day, string KeyId)> wanted = keyId is not null
            ? [.. days.Select(day => (day, keyId))]
            : await KeysAsync(days, cancellationToken);
        var rows = new List<UsageRow>();
        foreach (var chunk in wanted.Chunk(AtOnce))
        {
            var found = await link.AskAsync(
                database => Task.WhenAll(chunk.Select(one => database.HashGetAllAsync(link.Names.Usage(one.Day, one.KeyId)))),
                ReportTimeout,
                cancellationToken
            );
            rows.AddRange(chunk.Zip(found).SelectMany(pair => RowsOf(pair.First.Day, pair.First.KeyId, pair.Second)));
        }

        return
        [
            .. rows.OrderBy(row => row.Day)
                .ThenBy(row => row.KeyId, StringComparer.Ordinal)
                .ThenBy(row => row.Model is null)
                .ThenBy(row => row.Model, StringComparer.Ordinal),
        ];
    }

    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        var found = await link.AskAsync(database => database.HashGetAllAsync(link.Names.LastUse), ReportTimeout, cancellationToken);
        return found.ToDictionary(
            entry => entry.Name.ToString(),
            entry => DateTimeOffset.FromUnixTimeSeconds((long)entry.Value),
            StringComparer.Ordinal
        );
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (outbox is not null && link.IsUp)
        {
            await outbox.FlushAsync(FlushTimeout, cancellationToken);
        }
    }

    private async Task<List<(int Day, string KeyId)>> KeysAsync(List<int> days, CancellationToken cancellationToken)
    {
        var found = await link.AskAsync(
            database => Task.WhenAll(days.Select(day => database.SetMembersAsync(link.Names.KeysOfDay(day)))),
            ReportTimeout,
            cancellationToken
        );
        return [.. days.Zip(found).SelectMany(pair => pair.Second.Select(key => (pair.First, key.ToString())))];
    }

    /// <summary>The rows with numbers. Rows that hold only zeros are left out.</summary>
    private static IEnumerable<UsageRow> RowsOf(int day, string keyId, HashEntry[] fields) =>
        from field in fields
        let name = RedisNames.ParseField(field.Name.ToString())
        group (name.Number, Value: (long)field.Value) by (name.Bucket, name.Model) into row
        let numbers = row.ToDictionary(number => number.Number, number => number.Value, StringComparer.Ordinal)
        let usage = new TokenUsage(
            Number(numbers, "i"),
            Number(numbers, "o"),
            Number(numbers, "w"),
            Number(numbers, "d"),
            MicroUsd.ToUsd(Number(numbers, "c"))
        )
        where Number(numbers, "q") != 0 || usage.CostUsd != 0
        select new UsageRow(RedisNames.ToDay(day), keyId, row.Key.Model, Number(numbers, "q"), usage);

    private static long Number(Dictionary<string, long> numbers, string name) => numbers.GetValueOrDefault(name);
}
