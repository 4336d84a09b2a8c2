using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Relay.Application.Keys;
using Relay.Application.State;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.KeyFile;
using Relay.Infrastructure.Sqlite;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>Copies keys, usage and the day's counts between this relay's files and a Redis, or between two Redis servers.</summary>
internal sealed class StateCopier(RelayHome home, RelayDatabase database, IOptions<StateOptions> options, TimeProvider clock) : IStateCopier
{
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(30);
    private const int AtOnce = 100;

    public async Task<Result<StateCopy>> CopyAsync(CopyStateCommand command, CancellationToken cancellationToken)
    {
        if (CheckAddress("from", command.From) is { } wrongFrom)
        {
            return wrongFrom;
        }

        if (CheckAddress("to", command.To) is { } wrongTo)
        {
            return wrongTo;
        }

        using var from = await OpenAsync(command.From, cancellationToken);
        using var to = await OpenAsync(command.To, cancellationToken);
        if (
            !command.Force
            && (await from.DescribeRunningRelayAsync(cancellationToken) ?? await to.DescribeRunningRelayAsync(cancellationToken))
                is { } user
        )
        {
            return new RelayError(
                ErrorCode.Conflict,
                $"{user} Stop it first, so that nothing is counted on both sides; or use --force, and copy once more afterwards."
            );
        }

        if (!(await CopyKeysAsync(from, to, command.DryRun, cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        var since = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime).AddDays(-UsageRow.KeptDays);
        var rows = await from.Usage.ReadAsync(keyId: null, since, cancellationToken);
        var grown = await to.MergeAsync(rows, command.DryRun, cancellationToken);
        return new StateCopy(keys.Added, keys.Changed, keys.Same, grown, rows.Count - grown);
    }

    private static async Task<Result<(int Added, int Changed, int Same)>> CopyKeysAsync(
        ISide from,
        ISide to,
        bool dryRun,
        CancellationToken cancellationToken
    )
    {
        if (!(await from.Keys.ReadAsync(cancellationToken)).TryGet(out var wanted, out var error))
        {
            return error;
        }

        if (dryRun)
        {
            return
                (await to.Keys.ReadAsync(cancellationToken)).TryGet(out var there, out error)
                && Merge(wanted, there).TryGet(out var planned, out error)
                ? planned.Counts
                : error;
        }

        return await to.Keys.ChangeAsync<(int, int, int)>(
            there => Merge(wanted, there).TryGet(out var merged, out var conflict) ? (merged.Keys, merged.Counts) : conflict,
            cancellationToken
        );
    }

    /// <summary>
    /// Merges the keys. A key that only the target has stays. A key that is revoked on either side stays revoked. Of two secrets of a key
    /// the newer one is kept. Label, expiry, scopes, models and limits are the source's.
    /// </summary>
    private static Result<(IReadOnlyList<ApiKey> Keys, (int Added, int Changed, int Same) Counts)> Merge(
        IReadOnlyList<ApiKey> wanted,
        IReadOnlyList<ApiKey> there
    )
    {
        var merged = there.ToDictionary(key => key.Id, StringComparer.Ordinal);
        var (added, changed, same) = (0, 0, 0);
        foreach (var key in wanted)
        {
            if (!merged.TryGetValue(key.Id, out var known))
            {
                merged[key.Id] = key;
                added++;
                continue;
            }

            var next = (known.RevokedAt is { } revoked ? key.Revoke(revoked) : key).WithNewerSecretsOf(known);
            // A record compares its lists by reference, so that two equal keys would differ.
            if (KeyFileDocument.FormatEntry(next).AsSpan().SequenceEqual(KeyFileDocument.FormatEntry(known)))
            {
                same++;
                continue;
            }

            merged[key.Id] = next;
            changed++;
        }

        var twice = merged.Values.Where(key => key.RevokedAt is null).GroupBy(key => key.Label).FirstOrDefault(label => label.Count() > 1);
        return twice is null
            ? (
                (IReadOnlyList<ApiKey>)[.. merged.Values.OrderBy(key => key.CreatedAt).ThenBy(key => key.Id, StringComparer.Ordinal)],
                (added, changed, same)
            )
            : new RelayError(
                ErrorCode.Conflict,
                $"Both sides have a key '{twice.Key}', and they are not the same one. Revoke one of them first."
            );
    }

    private static RelayError? CheckAddress(string field, string state) =>
        state == StateOptions.Local || RedisConfiguration.Parse(state).Problem is not { } problem
            ? null
            : RelayError.Invalid(field, $"--{field} {problem}");

    private async Task<ISide> OpenAsync(string state, CancellationToken cancellationToken)
    {
        if (state == StateOptions.Local)
        {
            return new LocalSide(home, database, clock);
        }

        var own = options.Value;
        var link = new RedisLink(
            Options.Create(
                new StateOptions
                {
                    State = state,
                    CaFile = own.CaFile,
                    Namespace = own.Namespace,
                    Timeout = WriteTimeout,
                }
            ),
            clock,
            NullLogger<RedisLink>.Instance
        );
        await link.StartAsync(cancellationToken);
        return new RedisSide(link, clock);
    }

    private interface ISide : IDisposable
    {
        IKeyRepository Keys { get; }

        IUsageReader Usage { get; }

        /// <summary>Names a relay that uses the state now, in a sentence; null for none.</summary>
        Task<string?> DescribeRunningRelayAsync(CancellationToken cancellationToken);

        /// <summary>Adds rows; of two counts the larger stays. Returns the number of rows that grew, or would grow.</summary>
        Task<int> MergeAsync(IReadOnlyList<UsageRow> rows, bool dryRun, CancellationToken cancellationToken);
    }

    private sealed class LocalSide(RelayHome home, RelayDatabase database, TimeProvider clock) : ISide
    {
        public IKeyRepository Keys { get; } = new KeyFileRepository(home, clock);

        public IUsageReader Usage { get; } = new UsageReader(database, NullLogger<UsageReader>.Instance);

        public async Task<string?> DescribeRunningRelayAsync(CancellationToken cancellationToken)
        {
            try
            {
                using var homeLock = new HomeLock(home);
                await homeLock.StartAsync(cancellationToken);
                return null;
            }
            catch (StartupException)
            {
                return $"A relay runs on {home.Path}.";
            }
        }

        public Task<int> MergeAsync(IReadOnlyList<UsageRow> rows, bool dryRun, CancellationToken cancellationToken)
        {
            if (rows.Count == 0)
            {
                return Task.FromResult(0);
            }

            using var connection = database.Open();
            using var transaction = connection.BeginTransaction();
            var grown = UsageTable.Merge(connection, rows);
            if (!dryRun)
            {
                transaction.Commit();
            }

            return Task.FromResult(grown);
        }

        public void Dispose()
        {
            // The files are opened for each use.
        }
    }

    private sealed class RedisSide(RedisLink link, TimeProvider clock) : ISide
    {
        public IKeyRepository Keys { get; } = new RedisKeyRepository(link);

        public IUsageReader Usage { get; } = new RedisUsageReader(link, clock);

        public async Task<string?> DescribeRunningRelayAsync(CancellationToken cancellationToken) =>
            (await new FleetView(link).ReadRelaysAsync(cancellationToken)).FirstOrDefault(member => member.State != FleetView.Lost)
                is { } member
                ? $"The relay '{member.Name}' uses that Redis."
                : null;

        public async Task<int> MergeAsync(IReadOnlyList<UsageRow> rows, bool dryRun, CancellationToken cancellationToken)
        {
            var names = link.Names;
            var grown = 0L;
            foreach (var chunk in rows.GroupBy(row => (row.Day, row.KeyId, row.Bucket)).Chunk(AtOnce))
            {
                var answers = await link.AskAsync(
                    redis =>
                        Task.WhenAll(
                            chunk.Select(group =>
                            {
                                var (day, keyId, bucket) = (RedisNames.ToNumber(group.Key.Day), group.Key.KeyId, group.Key.Bucket);
                                return redis.ScriptEvaluateAsync(
                                    RedisScripts.Merge,
                                    [
                                        names.Counters(RedisNames.MemberOf(keyId, bucket)),
                                        names.Totals(bucket),
                                        names.Relays,
                                        names.Usage(day, keyId),
                                        names.KeysOfDay(day),
                                    ],
                                    [
                                        link.Clock,
                                        day,
                                        keyId,
                                        dryRun ? string.Empty : "write",
                                        .. group.SelectMany(row => Numbers(bucket, row)),
                                    ]
                                );
                            })
                        ),
                    WriteTimeout,
                    cancellationToken
                );
                grown += answers.Sum(answer => (long)answer);
            }

            return (int)grown;
        }

        public void Dispose() => link.Dispose();

        private static RedisValue[] Numbers(QuotaBucket bucket, UsageRow row) =>
            [
                RedisNames.RowOf(bucket, row.Model),
                row.Requests,
                row.Usage.InputTokens,
                row.Usage.OutputTokens,
                row.Usage.CacheCreationInputTokens,
                row.Usage.CacheReadInputTokens,
                MicroUsd.From(row.Usage.CostUsd ?? 0),
            ];
    }
}
