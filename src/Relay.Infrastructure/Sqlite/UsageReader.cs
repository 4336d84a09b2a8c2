using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Relay.Application.Usage;

namespace Relay.Infrastructure.Sqlite;

/// <summary>Reads a relay's usage, also while that relay runs; for the operator's commands.</summary>
internal sealed class UsageReader(RelayDatabase database, ILogger<UsageReader> logger) : IUsageReader
{
    public Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken)
    {
        if (!database.Exists)
        {
            return Task.FromResult<IReadOnlyList<UsageRow>>([]);
        }

        using var connection = database.Open();
        return Task.FromResult<IReadOnlyList<UsageRow>>(UsageTable.Read(connection, keyId, since));
    }

    public Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken)
    {
        if (!database.Exists)
        {
            return Task.FromResult<IReadOnlyDictionary<string, DateTimeOffset>>(
                new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal)
            );
        }

        try
        {
            using var connection = database.Open();
            return Task.FromResult<IReadOnlyDictionary<string, DateTimeOffset>>(UsageTable.ReadLastUsed(connection));
        }
        catch (Exception exception) when (exception is StartupException or SqliteException)
        {
            // Keys can be listed and revoked without this time.
            logger.LogWarning("The times at which keys were last used are unknown: {Reason}", exception.Message);
            return Task.FromResult<IReadOnlyDictionary<string, DateTimeOffset>>(
                new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal)
            );
        }
    }
}
