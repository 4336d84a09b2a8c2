namespace Relay.Application.Quotas;

/// <summary>The share of one of the Claude account's own limits that is used, as the API told it with its latest answer.</summary>
/// <param name="Kind">The limit in Anthropic's words: <c>five_hour</c>, <c>seven_day</c>, <c>requests</c>, <c>input_tokens</c>, …</param>
/// <param name="Family">The model family that the limit counts; null for all models.</param>
/// <param name="Used">The used part: 0 for nothing, 1 for everything.</param>
/// <param name="ResetsAt">UTC; the API's time of the next reset; null where it named none.</param>
public sealed record AccountUse(string Kind, string? Family, double Used, DateTimeOffset? ResetsAt);

/// <summary>Learns the used share of the Claude account's own limits.</summary>
public interface IAccountMeter
{
    /// <summary>Takes in the figures of one answer of the API.</summary>
    void Report(IEnumerable<AccountUse> uses);
}
