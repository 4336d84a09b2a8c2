using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

public sealed class SpendingTests
{
    private static readonly ModelPrice Price = new(3, 15);

    [Theory]
    [InlineData("haiku", "0.1", "0.5")]
    [InlineData("claude-haiku-4-5", "0.1", "0.5")]
    [InlineData("sonnet", "2", "10")]
    [InlineData("sonnet[1m]", "2", "10")]
    [InlineData("opus", "4", "20")]
    [InlineData("claude-opus-5-5", "4", "20")]
    [InlineData("something-new", "4", "20")]
    public void A_price_is_the_familys_and_of_an_unknown_one_the_dearest(string model, decimal input, decimal output) =>
        ModelPrice.Of(Any.Model(model)).Should().Be(new ModelPrice(input, output));

    [Fact]
    public void Cache_writes_are_dearer_by_a_quarter_and_reads_cost_a_tenth() =>
        Price.CostOf(new TokenUsage(1_000_000, 100_000, 400_000, 2_000_000, null)).Should().Be(3m + 1.5m + 1.5m + 0.6m);

    [Theory]
    [InlineData(1, 16_000, "0.015003")]
    [InlineData(2, 16_000, "0.015006")]
    [InlineData(100_001, 16_000, "0.315003")]
    [InlineData(100_001, 10, "0.300153")]
    public void An_estimate_is_for_the_callers_text_and_an_ordinary_answer_within_the_cap(
        long inputTokens,
        int maxOutputTokens,
        decimal usd
    ) => Price.Estimate(inputTokens, maxOutputTokens).Should().Be(usd);

    [Fact]
    public void No_request_is_reckoned_to_cost_nothing() => Price.Estimate(1, 1).Should().BePositive();

    [Fact]
    public void Claude_Codes_own_sum_wins() =>
        new Spending { ReachedApi = true, Usage = new TokenUsage(1_000_000, 0, 0, 0, 0.42m) }
            .Cost(Price, 9)
            .Should()
            .Be(0.42m);

    [Fact]
    public void Tokens_that_nobody_summed_up_cost_their_price() =>
        new Spending { ReachedApi = true, Usage = new TokenUsage(1_000_000, 0, 0, 0, null) }
            .Cost(Price, 9)
            .Should()
            .Be(3m);

    [Theory]
    [InlineData(true, false, 9)]
    [InlineData(true, true, 0)]
    [InlineData(false, false, 0)]
    [InlineData(false, true, 0)]
    public void Without_a_token_counted_it_costs_what_was_reserved_unless_it_failed_or_never_called(
        bool reachedApi,
        bool isFinal,
        decimal usd
    ) =>
        new Spending { ReachedApi = reachedApi, IsFinal = isFinal }
            .Cost(Price, 9)
            .Should()
            .Be(usd);
}
