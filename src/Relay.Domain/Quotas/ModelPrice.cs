using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Domain.Quotas;

/// <summary>
/// The price of a model family in US dollars per million tokens, as Claude Code 2.1.330 reckons (a test compares). It prices the tokens
/// that the API has counted, and the cost that a completion may have before it ends. With <c>bedrock</c> and <c>vertex</c> Claude Code's
/// own sum is used instead.
/// </summary>
public sealed record ModelPrice(decimal Input, decimal Output)
{
    /// <summary>Tokens that an ordinary answer is reckoned to have.</summary>
    private const int OrdinaryAnswer = 1000;

    private const decimal Million = 1_000_000m;

    /// <summary>The price of a model by its family; the highest price for an unknown family.</summary>
    public static ModelPrice Of(ModelName model) =>
        model.Family switch
        {
            "haiku" => new ModelPrice(0.1m, 0.5m),
            "sonnet" => new ModelPrice(2, 10),
            _ => new ModelPrice(4, 20),
        };

    /// <summary>The estimated cost of a request of this size with an ordinary answer.</summary>
    /// <param name="inputTokens">Tokens of everything that the caller sent.</param>
    /// <param name="maxOutputTokens">The cap on the answer.</param>
    public decimal Estimate(long inputTokens, int maxOutputTokens) =>
        CostOf(new TokenUsage(inputTokens, Math.Min(maxOutputTokens, OrdinaryAnswer), 0, 0, null));

    /// <summary>The extra price of cache writes that last an hour: they cost twice the price of input, the usual ones 1.25 times.</summary>
    public decimal LongCacheSurcharge(long tokens) => tokens * Input * 0.75m / Million;

    /// <summary>The cost of these tokens. A cache write costs a quarter more than input, a cache read a tenth of it.</summary>
    public decimal CostOf(TokenUsage usage) =>
        (
            usage.InputTokens * Input
            + usage.CacheCreationInputTokens * Input * 1.25m
            + usage.CacheReadInputTokens * Input * 0.1m
            + usage.OutputTokens * Output
        ) / Million;
}
