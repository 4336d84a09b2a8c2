using Relay.Domain.Completions;

namespace Relay.Application.Usage;

/// <summary>A total of usage.</summary>
/// <param name="Name">The day (<c>2026-11-23</c>), the key or the model.</param>
/// <param name="Requests">Completions.</param>
/// <param name="Pages">Pages that were fetched, or refused.</param>
/// <param name="Usage">Tokens and cost.</param>
public sealed record UsageTotal(string Name, long Requests, long Pages, TokenUsage Usage)
{
    /// <summary>The total of some rows.</summary>
    public static UsageTotal Of(string name, IEnumerable<UsageRow> rows)
    {
        long requests = 0,
            pages = 0,
            input = 0,
            output = 0,
            created = 0,
            read = 0;
        var cost = 0m;
        foreach (var row in rows)
        {
            requests += row.Model is null ? 0 : row.Requests;
            pages += row.Model is null ? row.Requests : 0;
            input += row.Usage.InputTokens;
            output += row.Usage.OutputTokens;
            created += row.Usage.CacheCreationInputTokens;
            read += row.Usage.CacheReadInputTokens;
            cost += row.Usage.CostUsd ?? 0;
        }

        return new UsageTotal(name, requests, pages, new TokenUsage(input, output, created, read, cost));
    }
}
