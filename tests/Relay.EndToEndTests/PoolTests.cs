using System.Diagnostics;
using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests;

/// <summary>The pool makes completions faster, and whatever happens to it, it never makes one fail.</summary>
public sealed class PoolTests : IAsyncLifetime
{
    private static readonly object Repeated = new { prompt = "Hello.", system = "You are patient." };

    private Simulator _api = null!;

    public async ValueTask InitializeAsync() => _api = await Simulator.StartAsync();

    public ValueTask DisposeAsync() => _api.DisposeAsync();

    [Fact]
    public async Task A_repeated_system_prompt_gets_a_prepared_process_which_goes_with_its_key()
    {
        await using var relay = await StartAsync(("WARM_PROCESSES", "0"), ("WARM_PROFILES", "1"));
        var key = await relay.MintAsync("app");

        await relay.EventuallyAsync(
            async () => (await relay.CompleteAsync(key, Repeated)).Status == 200 && Claims(relay, "Pool hit: Prepared ") > 0,
            "nothing was prepared"
        );

        await relay.EventuallyAsync(
            () => Task.FromResult(relay.Log.Any(line => line.Contains("process=Prepared", StringComparison.Ordinal))),
            "the request's line does not say so"
        );
        await TestMachine.EventuallyAsync(() => relay.Children.Count == 1, TimeSpan.FromSeconds(10), "there is no next one");
        // Without blank spares, that one child is the prepared process: it goes with the key, within a second.
        var prepared = relay.Children.Single();
        TestMachine.LimitOf(prepared, "Max data size").Should().NotContain("unlimited", "the kernel bounds the memory of each process");
        (await relay.RelayctlAsync("keys", "revoke", "app")).ExitCode.Should().Be(0);
        await TestMachine.EventuallyAsync(
            () => !TestMachine.IsRunning(prepared),
            TimeSpan.FromSeconds(1),
            "the prepared process outlived its key"
        );
        (await relay.CompleteAsync(key, Repeated)).Status.Should().Be(401);
        relay.Children.Should().BeEmpty();
    }

    [OnlyWithAll]
    [Fact]
    public async Task An_empty_pool_is_no_error()
    {
        await using var relay = await StartAsync(("WARM_PROCESSES", "0"), ("WARM_PROFILES", "0"));
        var key = await relay.MintAsync("app");

        var answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => relay.CompleteAsync(key, Repeated)));

        answers.Should().OnlyContain(answer => answer.Status == 200);
        Claims(relay, "Pool miss").Should().Be(3);
        Claims(relay, "Pool hit").Should().Be(0);
        await TestMachine.EventuallyAsync(() => relay.Children.Count == 0, TimeSpan.FromSeconds(3), "a process outlived its completion");
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_burst_of_eight_on_two_spares_succeeds_whole()
    {
        await using var relay = await StartAsync(("WARM_PROCESSES", "2"), ("WARM_PROFILES", "0"), ("QUEUE_TIMEOUT", "60s"));
        var key = await relay.MintAsync("app");
        await TestMachine.EventuallyAsync(() => relay.Children.Count == 2, TimeSpan.FromSeconds(20), "there are no two spares");

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(number => relay.CompleteAsync(key, new { prompt = $"Burst {number}." }))
        );

        answers.Should().OnlyContain(answer => answer.Status == 200);
        Claims(relay, "Pool hit: Blank ").Should().BeGreaterThanOrEqualTo(2);
        _api.Requests.Select(request => request.SessionId).Should().OnlyHaveUniqueItems().And.HaveCount(8);
        await TestMachine.EventuallyAsync(
            () => relay.Children.Count == 2,
            TimeSpan.FromSeconds(20),
            "the spares are not replaced, or more than those run"
        );
    }

    [OnlyWithAll]
    [Fact]
    public async Task Killed_spares_are_replaced_and_cost_no_request()
    {
        await using var relay = await StartAsync(("WARM_PROCESSES", "2"), ("WARM_PROFILES", "0"));
        var key = await relay.MintAsync("app");
        await TestMachine.EventuallyAsync(() => relay.Children.Count == 2, TimeSpan.FromSeconds(20), "there are no two spares");
        var killed = relay.Children;

        foreach (var spare in killed)
        {
            TestMachine.Kill(spare);
        }

        var answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => relay.CompleteAsync(key, Repeated)));
        answers.Should().OnlyContain(answer => answer.Status == 200);
        await TestMachine.EventuallyAsync(() => relay.Children.Count == 2, TimeSpan.FromSeconds(20), "the spares are not replaced");
        relay.Children.Should().NotIntersectWith(killed);
    }

    [OnlyWithAll]
    [Fact]
    public async Task A_replaced_CLI_is_tested_anew_and_the_spares_of_the_old_one_go_unused()
    {
        var directory = TestMachine.NewDirectory();
        try
        {
            var claude = Path.Combine(directory, "claude");
            var updated = Path.Combine(directory, "updated");
            File.CreateSymbolicLink(claude, TestMachine.RealClaude);
            using (var copy = Process.Start("/bin/cp", ["--reflink=auto", TestMachine.RealClaude, updated]))
            {
                await copy.WaitForExitAsync(TestContext.Current.CancellationToken);
            }

            await using var relay = await StartAsync(("CLAUDE_BIN", claude), ("WARM_PROCESSES", "2"));
            var key = await relay.MintAsync("app");
            await TestMachine.EventuallyAsync(() => relay.Children.Count == 2, TimeSpan.FromSeconds(20), "there are no two spares");
            var old = relay.Children;

            // As updaters do it: a new link is renamed over the old one.
            File.CreateSymbolicLink(claude + ".new", updated);
            File.Move(claude + ".new", claude, overwrite: true);

            await TestMachine.EventuallyAsync(
                () => Claims(relay, "passed the lockdown self-test") == 2,
                TimeSpan.FromSeconds(30),
                "the new CLI is not tested"
            );
            (await relay.CompleteAsync(key, Repeated)).Status.Should().Be(200);
            await TestMachine.EventuallyAsync(
                () => relay.Children.Count == 3 && !old.Any(TestMachine.IsRunning),
                TimeSpan.FromSeconds(20),
                "spares of the old CLI remain"
            );
            await TestMachine.EventuallyAsync(
                () =>
                    relay.Children.Select(TestMachine.CommandLineOf).All(command => command.StartsWith(updated, StringComparison.Ordinal)),
                TimeSpan.FromSeconds(5),
                "a spare is not of the new CLI"
            );
            _api.Requests.Count.Should().Be(1, "a self-test costs no call of the API");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Unjailed: the children are then the processes themselves. Stopping it shows that none is left.</summary>
    private Task<RelayProgram> StartAsync(params (string Name, string Value)[] settings) =>
        RelayProgram.WithRealClaudeAsync(_api, [("SANDBOX", "off"), .. settings]);

    private static int Claims(RelayProgram relay, string words) => relay.Log.Count(line => line.Contains(words, StringComparison.Ordinal));
}
