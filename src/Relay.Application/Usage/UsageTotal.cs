using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.Application.Usage;

/// <summary>A total of usage, by day (<c>2026-11-23</c>), key or model. Pages were fetched, or refused.</summary>
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
            requests += row.Bucket == QuotaBucket.Completions ? row.Requests : 0;
            pages += row.Bucket == QuotaBucket.Fetches ? row.Requests : 0;
            input += row.Usage.InputTokens;
            output += row.Usage.OutputTokens;
            created += row.Usage.CacheCreationInputTokens;
            read += row.Usage.CacheReadInputTokens;
            cost += row.Usage.CostUsd ?? 0;
        }

        return new UsageTotal(name, requests, pages, new TokenUsage(input, output, created, read, cost));
    }
}
