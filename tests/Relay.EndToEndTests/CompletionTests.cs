using FluentAssertions;
using Relay.AnthropicSimulator;
using Relay.EndToEndTests.Harness;

namespace Relay.EndToEndTests;

/// <summary>The first thing anyone does: mint a key, ask, read the answer.</summary>
public sealed class CompletionTests : IAsyncLifetime
{
    private Simulator _api = null!;
    private RelayProgram _relay = null!;
    private string _key = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        _relay = await RelayProgram.WithRealClaudeAsync(_api);
        _key = await _relay.MintAsync("app");
    }

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task A_prompt_gets_the_models_words()
    {
        _api.Default = new Behavior { Text = "Four." };

        var answer = await _relay.CompleteAsync(_key, new { prompt = "What is two and two?" });

        answer.Status.Should().Be(200);
        answer.Text.Should().Be("Four.");
        answer.Json.GetProperty("ok").GetBoolean().Should().BeTrue();
        answer.Json.GetProperty("model").GetString().Should().Be("opus");
        _api.Requests.Should().ContainSingle(request => request.LastUserText == "What is two and two?");
    }
}
