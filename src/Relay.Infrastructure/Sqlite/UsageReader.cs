using Relay.Application.Usage;

namespace Relay.Infrastructure.Sqlite;

/// <summary>Reads what a relay wrote, also while it runs; for the operator's commands.</summary>
internal sealed class UsageReader(RelayDatabase database) : IUsageReader
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken)
    {
        if (!database.Exists)
        {
            return Task.FromResult<IReadOnlyList<UsageRow>>([]);
        }

        using var connection = database.Open();
        return Task.FromResult<IReadOnlyList<UsageRow>>(UsageTable.Read(connection, keyId, since));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken)
    {
        if (!database.Exists)
        {
            return Task.FromResult<IReadOnlyDictionary<string, DateTimeOffset>>(new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal));
        }

        using var connection = database.Open();
        return Task.FromResult<IReadOnlyDictionary<string, DateTimeOffset>>(UsageTable.ReadLastUsed(connection));
    }
}
