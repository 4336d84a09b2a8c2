using System.Globalization;
using Relay.Application.Usage;

namespace Relay.Cli;

/// <summary>A sum of usage.</summary>
internal sealed record UsageDocument(
    long Requests,
    long Pages,
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    decimal CostUsd
)
{
    public static UsageDocument Sum(IEnumerable<UsageRow> rows)
    {
        var total = UsageTotal.Of("sum", rows);
        var usage = total.Usage;
        return new UsageDocument(
            total.Requests,
            total.Pages,
            usage.InputTokens,
            usage.OutputTokens,
            usage.CacheCreationInputTokens,
            usage.CacheReadInputTokens,
            usage.CostUsd ?? 0
        );
    }

    public static string Money(decimal usd) => usd.ToString("0.00####", CultureInfo.InvariantCulture);

    public IReadOnlyList<string> Cells(string name) =>
        [
            name,
            Number(Requests),
            Number(Pages),
            Number(InputTokens),
            Number(OutputTokens),
            Number(CacheCreationInputTokens),
            Number(CacheReadInputTokens),
            Money(CostUsd),
        ];

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
