using Relay.AnthropicSimulator;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.EndToEndTests;

/// <summary>The first thing anyone does: mint a key, ask, read the answer.</summary>
[Collection(nameof(RealRelay))]
public sealed class CompletionTests(RealRelay relay)
{
    [Fact]
    public async Task A_prompt_gets_the_models_words()
    {
        relay.Api.When("What is two and two?", new Behavior { Text = "Four." });

        var answer = await relay.Program.CompleteAsync(relay.Key, new { prompt = "What is two and two?" });

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("Four.");
        answer.Json.GetProperty("ok").GetBoolean().Should().BeTrue();
        answer.Json.GetProperty("model").GetString().Should().Be("claude-opus-5-5", "the answer names the model that answered");
        relay.Api.Requests.Should().ContainSingle(request => request.LastUserText == "What is two and two?");
    }

    /// <summary>The cost that is reckoned before Claude Code has summed it up must be the sum that it would give.</summary>
    [Theory]
    [InlineData("opus")]
    [InlineData("sonnet")]
    [InlineData("haiku")]
    public async Task The_relays_prices_are_those_of_Claude_Code(string model)
    {
        relay.Api.When("Count.", new Behavior { Words = 500 });

        var answer = await relay.Program.CompleteAsync(
            relay.Key,
            new
            {
                prompt = "Count.",
                model,
                output_format = "json",
            }
        );

        var usage = answer.Json.GetProperty("usage");
        long Tokens(string name) => usage.GetProperty(name).GetInt64();
        var tokens = new TokenUsage(
            Tokens("input_tokens"),
            Tokens("output_tokens"),
            Tokens("cache_creation_input_tokens"),
            Tokens("cache_read_input_tokens"),
            null
        );
        tokens.OutputTokens.Should().BeGreaterThan(100);
        ModelPrice
            .Of(ModelName.Create(model).Value)
            .CostOf(tokens)
            .Should()
            .BeApproximately(usage.GetProperty("cost_usd").GetDecimal(), 0.000001m);
    }
}
