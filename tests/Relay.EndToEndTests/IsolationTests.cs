using System.Security.Cryptography;
using System.Text;
using FluentAssertions;
using FluentAssertions.Execution;
using Relay.AnthropicSimulator;
using Relay.EndToEndTests.Harness;

namespace Relay.EndToEndTests;

/// <summary>No caller meets another's data: one process serves one completion, and what is prepared belongs to one key.</summary>
public sealed class IsolationTests : IAsyncLifetime
{
    private Simulator _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await Simulator.StartAsync();
        _api.Default = new Behavior { Echo = true };
    }

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task Interleaved_completions_of_two_keys_share_no_byte_and_no_process()
    {
        var count = Extent.Of(12, 20, 50);
        // Unjailed, so that the children are the processes themselves.
        await using var relay = await RelayProgram.WithRealClaudeAsync(_api, ("SANDBOX", "off"), ("GLOBAL_CONCURRENCY", "4"), ("WARM_PROCESSES", "1"), ("QUEUE_TIMEOUT", "5m"));
        var keys = new[] { await relay.MintAsync("first"), await relay.MintAsync("second") };
        var marks = keys.Select(_ => "MARK" + Convert.ToHexString(RandomNumberGenerator.GetBytes(8))).ToArray();
        var asked = new List<(int Owner, string Prompt, string System, RelayAnswer Answer)>();
        // Two waves at least: a process is prepared for a system prompt that was asked with before.
        foreach (var wave in Enumerable.Range(0, count).Chunk(Math.Min(10, count / 2)))
        {
            asked.AddRange(await Task.WhenAll(wave.Select(async number =>
            {
                // Each key repeats two system prompts: one of its own, and one that both keys use.
                var owner = number % 2;
                var prompt = $"{marks[owner]} asks for number {number}.";
                var system = number % 4 < 2 ? $"You serve {marks[owner]}." : "You serve everybody.";
                return (owner, prompt, system, await relay.CompleteAsync(keys[owner], new { prompt, system }));
            })));
            await TestMachine.EventuallyAsync(() => relay.Children.Count >= 3, TimeSpan.FromSeconds(30), "no spare is prepared beside the blank one");
        }

        using var scope = new AssertionScope();
        foreach (var (owner, prompt, system, answer) in asked)
        {
            answer.Status.Should().Be(200);
            answer.Text.Should().Be(prompt);
            answer.Body.Should().NotContain(marks[1 - owner]);
            _api.Requests.Count(request => request.UserTexts is [var user] && user == prompt && request.SystemTexts[^1] == system).Should().Be(1);
        }

        _api.Requests.Count.Should().Be(count);
        _api.Requests.Select(request => request.SessionId).Distinct(StringComparer.Ordinal).Should().HaveCount(count, "no process served two");
        _api.Requests.Count(request => marks.All(mark => Encoding.UTF8.GetString(request.Body).Contains(mark, StringComparison.Ordinal))).Should().Be(0);
        ClaimsOf(relay, "Prepared").Should().BeGreaterThan(0, "else this would show nothing about prepared processes");
    }

    [Fact]
    public async Task What_is_prepared_for_one_key_is_not_used_for_another_with_the_same_system_prompt()
    {
        // No blank spares: a claim is either of a prepared process or a cold start.
        await using var relay = await RelayProgram.WithRealClaudeAsync(_api, ("WARM_PROCESSES", "0"), ("WARM_PROFILES", "4"));
        var body = new { prompt = "Hello.", system = "You serve everybody." };
        var owner = await relay.MintAsync("owner");
        await relay.EventuallyAsync(
            async () => (await relay.CompleteAsync(owner, body)).Status == 200 && ClaimsOf(relay, "Prepared") > 0, "nothing was ever prepared for the owner");
        var claims = ClaimsOf(relay, "Prepared");

        foreach (var label in (string[])["second", "third", "fourth"])
        {
            (await relay.CompleteAsync(await relay.MintAsync(label), body)).Status.Should().Be(200);
        }

        ClaimsOf(relay, "Prepared").Should().Be(claims, "the others' requests started processes of their own");
        (await relay.CompleteAsync(owner, body)).Status.Should().Be(200);
        ClaimsOf(relay, "Prepared").Should().Be(claims + 1, "the prepared process waited for its owner all the while");
        _api.Requests.Select(request => request.SessionId).Should().OnlyHaveUniqueItems();
    }

    private static int ClaimsOf(RelayProgram relay, string origin) => relay.Log.Count(line => line.Contains($"Pool hit: {origin} ", StringComparison.Ordinal));
}
