using Relay.Domain.Completions;

namespace Relay.Domain.Quotas;

/// <summary>A limit of the Claude account itself, as Anthropic names it.</summary>
/// <param name="Kind"><c>five_hour</c>, <c>seven_day</c>, <c>seven_day_opus</c>, …; null when it named none.</param>
/// <param name="ResetsAt">UTC; null when it named no time.</param>
public sealed record UpstreamLimit(string? Kind, DateTimeOffset? ResetsAt);

/// <summary>
/// The spending of one admitted request so far. The engine writes it while the request runs. Admission reads it when the request is over,
/// however it ended.
/// </summary>
public sealed class Spending
{
    /// <summary>Whether Anthropic's API was called, or may have been: from then on the request counts.</summary>
    public bool ReachedApi { get; set; }

    /// <summary>Whether the API has told how the request ended: then everything outside <see cref="Usage"/> cost nothing.</summary>
    public bool IsFinal { get; set; }

    /// <summary>Tokens so far; without a cost until they are summed up.</summary>
    public TokenUsage? Usage { get; set; }

    /// <summary>The id that the API gave the last request; null before it gave one.</summary>
    public string? UpstreamRequestId { get; set; }

    /// <summary>The account limit that the request ran into; null for none.</summary>
    public UpstreamLimit? HitLimit { get; set; }

    /// <summary>The cost of the request, as far as it is known.</summary>
    /// <param name="price">The price of tokens that have no summed-up cost.</param>
    /// <param name="reservedUsd">The cost of a request that was left before a token was counted.</param>
    public decimal Cost(ModelPrice price, decimal reservedUsd) =>
        Usage?.CostUsd
        ?? (
            Usage is { } usage ? price.CostOf(usage)
            : IsFinal || !ReachedApi ? 0
            : reservedUsd
        );
}
