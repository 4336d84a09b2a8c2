using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.Application.Usage;

/// <summary>The usage of one model, or of pages, by one key on one day.</summary>
/// <param name="Day">UTC.</param>
/// <param name="KeyId">The id of the key.</param>
/// <param name="Model">The model that was asked for; null for pages.</param>
/// <param name="Requests">Completions, or pages, that count.</param>
/// <param name="Usage">Their tokens and cost together. A running request counts with its reserved cost.</param>
public sealed record UsageRow(DateOnly Day, string KeyId, string? Model, long Requests, TokenUsage Usage)
{
    /// <summary>Rows are kept for this many days, which is longer than <see cref="GetUsageQuery.MaxDays"/>.</summary>
    public const int KeptDays = 400;

    /// <summary>The bucket that the requests count in.</summary>
    public QuotaBucket Bucket => Model is null ? QuotaBucket.Fetches : QuotaBucket.Completions;
}

/// <summary>Reads usage, up to now as far as this process knows.</summary>
public interface IUsageReader
{
    /// <summary>The rows since a day, by day, key and model.</summary>
    /// <param name="keyId">One key's rows; null for all.</param>
    /// <param name="since">The first day, UTC.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken);

    /// <summary>The time when each key was last let in, UTC. Keys that never were are missing.</summary>
    Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken);
}
