using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>A relay that is killed at any moment starts again, with every key, and forgets at most a second of what was used.</summary>
public sealed class CrashTests
{
    private static readonly int Rounds = Extent.Of(2, 4, 200);

    [OnlyWithAll]
    [Fact(Timeout = 1_800_000)]
    public async Task Killed_at_random_moments_it_forgets_at_most_a_second()
    {
        using var directory = new TemporaryDirectory();
        var claude = FakeClaudeInstall.Install(directory.Path, new FakeScript());
        (string, string)[] settings =
        [
            ("RELAY_HOME", Path.Combine(directory.Path, "home")),
            ("PER_KEY_DAILY", "1000000"),
            ("GLOBAL_DAILY", "1000000"),
        ];
        var random = new Random(20261123);
        string? key = null;
        var keys = 0;
        long safe = 0;
        long atMost = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var relay = await RelayProgram.WithFakeClaudeAsync(claude, settings);
            key ??= await relay.MintAsync("app");
            var counted = await RequestsAsync(relay, key);
            counted
                .Should()
                .BeInRange(
                    safe,
                    atMost,
                    $"in round {round}: what was answered more than a second before the kill is not forgotten, and nothing is counted twice"
                );

            // Requests one after the other, a key in between, and the end at some moment of it.
            var answered = new List<DateTimeOffset>();
            var killAt = TimeProvider.System.GetUtcNow().AddMilliseconds(random.Next(50, 2500));
            var minting = relay.RelayctlAsync("keys", "add", $"round-{round}");
            var asking = Task.Run(
                async () =>
                {
                    while (true)
                    {
                        try
                        {
                            if ((await relay.CompleteAsync(key, new { prompt = "hi" })).Status == 200)
                            {
                                answered.Add(TimeProvider.System.GetUtcNow());
                            }
                        }
                        catch (HttpRequestException)
                        {
                            return;
                        }
                    }
                },
                TestContext.Current.CancellationToken
            );
            var pause = killAt - TimeProvider.System.GetUtcNow();
            await Task.Delay(pause > TimeSpan.Zero ? pause : TimeSpan.Zero, TestContext.Current.CancellationToken);
            var killedAt = TimeProvider.System.GetUtcNow();
            TestMachine.Kill(relay.ProcessId);
            await relay.WaitForExitAsync();
            await asking.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            keys += (await minting).ExitCode == 0 ? 1 : 0;
            await relay.DisposeAsync();

            safe = counted + answered.Count(at => at < killedAt - TimeSpan.FromSeconds(1));
            // One may have been on its way when the end came.
            atMost = counted + answered.Count + 1;
        }

        await using var last = await RelayProgram.WithFakeClaudeAsync(claude, settings);
        (await RequestsAsync(last, key!)).Should().BeInRange(safe, atMost);
        var (code, output, error) = await last.RelayctlAsync("keys", "list", "--json");
        code.Should().Be(0, error);
        System.Text.Json.JsonDocument.Parse(output).RootElement.EnumerateArray().Should().HaveCount(keys + 1, "no key is lost");
    }

    private static async Task<long> RequestsAsync(RelayProgram relay, string key) =>
        (await relay.GetAsync("/v1/usage", key)).Json.GetProperty("total").GetProperty("requests").GetInt64();
}
