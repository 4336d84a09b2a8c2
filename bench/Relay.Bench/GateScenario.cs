using System.Diagnostics;
using Relay.UnitTests.Infrastructure.ApiGate;
using Relay.UnitTests.Support;

namespace Relay.Bench;

/// <summary>
/// The gate's own share: a request over its socket, its proof, the way to the API and back, beside the same request to the API directly.
/// </summary>
internal static class GateScenario
{
    public static async Task RunAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        Scenarios.Title("The gate's own share (a client on its socket, an API on loopback that answers at once)");
        await MeasureAsync("a short prompt", "Hi", 2000, (P50: 1, P99: 5), cancellationToken);
        await MeasureAsync(
            "a prompt of 200 KB",
            string.Concat(Enumerable.Repeat("the quick brown fox jumps over the lazy dog \"once\"\n", 4000)),
            500,
            (P50: 10, P99: null),
            cancellationToken
        );
    }

    private static async Task MeasureAsync(
        string name,
        string prompt,
        int rounds,
        (double P50, double? P99) targets,
        CancellationToken cancellationToken
    )
    {
        await using var bench = await GateBench.StartAsync();
        bench.Answers.Enqueue(FakeApi.Whole);
        using var direct = new HttpClient { BaseAddress = bench.ApiAddress };
        using var ticket = bench.Gate.Issue();
        var body = GateBench.BodyOf(prompt);
        Distribution through = new(),
            without = new();
        for (var round = -200; round < rounds; round++)
        {
            var asked = Stopwatch.GetTimestamp();
            using (var content = new ByteArrayContent(body))
            using (var answer = await direct.PostAsync("/v1/messages?beta=true", content, cancellationToken))
            {
                await answer.Content.ReadAsByteArrayAsync(cancellationToken);
            }

            var without1 = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
            var turn = ticket.Begin(GateBench.Expect(prompt));
            turn.PassLockdown();
            asked = Stopwatch.GetTimestamp();
            using (var answer = await bench.SendAsync($"/{ticket.Value}/v1/messages?beta=true", body))
            {
                answer.EnsureSuccessStatusCode();
                await answer.Content.ReadAsByteArrayAsync(cancellationToken);
            }

            var through1 = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
            ticket.End();
            if (round >= 0)
            {
                through.Add(through1);
                without.Add(without1);
            }
        }

        Report(name, "p50", through.At(0.5) - without.At(0.5), targets.P50);
        Report(name, "p99", through.At(0.99) - without.At(0.99), targets.P99);
        Scenarios.Ratio($"{name}: with the gate / without, p50", through.At(0.5), without.At(0.5), null);
    }

    private static void Report(string name, string which, double added, double? target) =>
        Console.WriteLine(
            $"  {name}: added {which} {added:0.00} ms"
                + (target is { } most ? $"   (target: at most {most} ms, {(added <= most ? "met" : "MISSED")})" : string.Empty)
        );
}
