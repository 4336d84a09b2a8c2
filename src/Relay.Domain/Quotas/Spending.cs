using Relay.Domain.Completions;

namespace Relay.Domain.Quotas;

/// <summary>A limit of the Claude account itself, as Anthropic names it.</summary>
/// <param name="Kind"><c>five_hour</c>, <c>seven_day</c>, <c>seven_day_opus</c>, …; null when it named none.</param>
/// <param name="ResetsAt">UTC; null when it named no time.</param>
public sealed record UpstreamLimit(string? Kind, DateTimeOffset? ResetsAt);

/// <summary>
/// What one admitted request has spent so far: written while it runs by whoever spends, read when it is over, however it
/// ended.
/// </summary>
public sealed class Spending
{
    /// <summary>Whether Anthropic's API was called, or may have been: from then on the request counts.</summary>
    public bool ReachedApi { get; set; }

    /// <summary>Whether the API has said how it ended: what is not in <see cref="Usage"/> then cost nothing.</summary>
    public bool IsFinal { get; set; }

    /// <summary>Tokens so far; without a cost while nobody has summed them up.</summary>
    public TokenUsage? Usage { get; set; }

    /// <summary>The id that the API gave the last request; null while it gave none.</summary>
    public string? UpstreamRequestId { get; set; }

    /// <summary>The account's limit that it ran into.</summary>
    public UpstreamLimit? HitLimit { get; set; }

    /// <summary>What it cost, as far as anybody knows.</summary>
    /// <param name="price">For tokens that nobody summed up.</param>
    /// <param name="reservedUsd">For a request that was left before a token was counted.</param>
    public decimal Cost(ModelPrice price, decimal reservedUsd) =>
        Usage?.CostUsd
        ?? (
            Usage is { } usage ? price.CostOf(usage)
            : IsFinal || !ReachedApi ? 0
            : reservedUsd
        );
}
