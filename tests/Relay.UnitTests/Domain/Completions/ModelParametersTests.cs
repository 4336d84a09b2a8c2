using Relay.Domain.Completions;

namespace Relay.UnitTests.Domain.Completions;

public sealed class ModelParametersTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(0.5, true)]
    [InlineData(1, true)]
    [InlineData(1.0000001, false)]
    [InlineData(-0.0000001, false)]
    [InlineData(double.NaN, false)]
    [InlineData(double.PositiveInfinity, false)]
    public void A_share_is_from_0_to_1(double value, bool isValid) =>
        (ModelParameters.ReadShare("top_p", value).Error?.Field).Should().Be(isValid ? null : "top_p");

    [Theory]
    [InlineData(1, true)]
    [InlineData(int.MaxValue, true)]
    [InlineData(0, false)]
    [InlineData(-1, false)]
    [InlineData(1L + int.MaxValue, false)]
    public void A_number_of_words_is_from_1_on(long value, bool isValid) =>
        (ModelParameters.ReadTopK("top_k", value).Error?.Field).Should().Be(isValid ? null : "top_k");

    [Theory]
    [InlineData("disabled", null, null)]
    [InlineData("adaptive", null, null)]
    [InlineData("enabled", 1024L, null)]
    [InlineData("enabled", 1023L, "thinking.budget_tokens")]
    [InlineData("enabled", 1L + int.MaxValue, "thinking.budget_tokens")]
    [InlineData("enabled", null, "thinking.budget_tokens")]
    [InlineData("disabled", 2048L, "thinking.budget_tokens")]
    [InlineData("adaptive", 2048L, "thinking.budget_tokens")]
    [InlineData("Enabled", 2048L, "thinking.type")]
    [InlineData(null, 2048L, "thinking.type")]
    public void Thinking_has_a_budget_exactly_where_it_is_enabled(string? type, long? budget, string? wrong)
    {
        var thinking = Thinking.Create("thinking", type, budget);

        (thinking.Error?.Field).Should().Be(wrong);
        if (wrong is null)
        {
            thinking.Value.Should().BeEquivalentTo(new { Type = type, BudgetTokens = budget });
        }
    }

    [Fact]
    public void A_default_of_the_api_asks_for_nothing()
    {
        ModelParameters.Of(1, 1, null, null).Should().Be(ModelParameters.None);
        ModelParameters.None.Names.Should().BeEmpty();
        ModelParameters.None.ThinkingToSend.Should().BeNull();
    }

    [Fact]
    public void Each_parameter_that_is_set_has_its_name()
    {
        ModelParameters.Of(0, 0.5, 5, Thinking.Disabled).Names.Should().Equal("temperature", "top_p", "top_k", "thinking");
        ModelParameters.Of(null, 0.5, null, null).Names.Should().Equal("top_p");
    }

    [Fact]
    public void Beside_a_choice_of_words_there_is_no_thinking_but_the_callers_own()
    {
        var adaptive = Thinking.Create("thinking", "adaptive", null).Value;

        ModelParameters.Of(0.5, null, null, null).ThinkingToSend.Should().Be(Thinking.Disabled);
        ModelParameters.Of(null, 0.5, null, null).ThinkingToSend.Should().Be(Thinking.Disabled);
        ModelParameters.Of(null, null, 5, null).ThinkingToSend.Should().Be(Thinking.Disabled);
        ModelParameters.Of(0.5, null, null, adaptive).ThinkingToSend.Should().Be(adaptive);
    }
}
