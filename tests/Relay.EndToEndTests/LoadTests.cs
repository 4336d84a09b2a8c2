using Relay.Bench;

namespace Relay.EndToEndTests;

/// <summary>Two thousand refused and cheap requests a second change nothing but counters.</summary>
public sealed class LoadTests
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(Extent.IsLong ? 30 : 4);

    [OnlyWithAll]
    [Fact(Timeout = 300_000)]
    public async Task Memory_stays_flat_under_refused_and_cheap_requests()
    {
        await using var relay = await FakeRelay.StartAsync(script: null, ("LOG_LEVEL", "information"));
        var used = await relay.Program.MintAsync("used", "--daily", "1");
        (await relay.Program.CompleteAsync(used, new { prompt = "hi" })).Status.Should().Be(200);
        var server = relay.Program.Http.BaseAddress!;
        const string body = """{"prompt":"hi"}""";
        (byte[] Request, int Status)[] kinds =
        [
            (LoadClient.Request(server, "POST", "/v1/complete", null, body), 401),
            (LoadClient.Request(server, "POST", "/v1/complete", used, body), 429),
            (LoadClient.Request(server, "GET", "/v1/models", relay.Key, null), 200),
            (LoadClient.Request(server, "GET", "/health", null, null), 200),
        ];
        await RunAsync(server, kinds, TimeSpan.FromSeconds(2));
        var before = ResidentMegabytes(relay.Program.ProcessId);

        await RunAsync(server, kinds, Time);

        var after = ResidentMegabytes(relay.Program.ProcessId);
        after.Should().BeLessThan((before * 1.25) + 20, $"it was {before} MB before");
        await relay.Program.StopAsync();
        string.Join('\n', relay.Program.Log).Should().NotContain("takes no more entries");
        var audit = relay.Program.Audit;
        audit
            .Where(line => line.GetProperty("action").GetString() == "unauthenticated")
            .Sum(line => line.GetProperty("count").GetInt64())
            .Should()
            .BeGreaterThan(100);
        audit
            .Count(line => line.GetProperty("action").GetString() == "unauthenticated")
            .Should()
            .BeLessThan(10, "a flood without keys fills no disk");
    }

    private static async Task RunAsync(Uri server, (byte[] Request, int Status)[] kinds, TimeSpan time)
    {
        var loads = await Task.WhenAll(
            kinds.Select(kind => LoadClient.RunAsync(server, kind.Request, 8, time, 500, TestContext.Current.CancellationToken))
        );
        foreach (var (load, kind) in loads.Zip(kinds))
        {
            load.Answers.Keys.Should().Equal([kind.Status], "every one is answered, and the same");
        }
    }

    private static double ResidentMegabytes(int processId) =>
        double.Parse(
            File.ReadLines($"/proc/{processId}/status")
                .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]
        ) / 1000;
}
