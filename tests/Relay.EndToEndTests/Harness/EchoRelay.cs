using Relay.FakeClaude;

namespace Relay.EndToEndTests.Harness;

/// <summary>A relay whose answers are the prompts.</summary>
public sealed class EchoRelay() : FakeRelayFixture(("PER_KEY_DAILY", "10000000"), ("GLOBAL_DAILY", "10000000"))
{
    /// <inheritdoc/>
    protected override FakeScript Script => new() { EchoPrompt = true };

    /// <summary>It still answers after anything that a test did to it, and nothing runs on.</summary>
    internal async Task ShouldStillAnswerAsync()
    {
        (await Relay.AskAsync("Are you there?")).Text.Should().Be("Are you there?");
        await Relay.NobodySurvivesAsync();
    }
}
