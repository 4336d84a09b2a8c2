using System.Diagnostics;
using System.Globalization;
using Relay.FakeClaude;

namespace Relay.Bench;

/// <summary>Streams: what the relay adds to each token, how many it carries at once, and how fast.</summary>
internal static class StreamScenarios
{
    /// <summary>From the API's write of a delta to its text in the client, one stream after the other.</summary>
    public static async Task TokensAsync(string claude, CancellationToken cancellationToken)
    {
        const int rounds = 300;
        Scenarios.Title(
            "Time added to tokens, one stream at a time (real CLI; the API writes the time into each of 20 deltas, 5 ms apart)"
        );
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken);
        await bed.SetBehaviorAsync(
            new
            {
                words = 20,
                timed_words = true,
                between_tokens_ms = 5,
            },
            cancellationToken
        );
        Distribution first = new(),
            later = new();
        for (var round = -50; round < rounds; round++)
        {
            var number = 0;
            await bed.StreamAsync(
                "hi",
                text =>
                    Each(
                        text,
                        age =>
                        {
                            if (round >= 0)
                            {
                                (number == 0 ? first : later).Add(age);
                            }

                            number++;
                        }
                    ),
                cancellationToken
            );
        }

        Report("the first token", first, 4);
        Report("the others", later, null);
    }

    /// <summary>A hundred streams of 2,000 tokens at once.</summary>
    public static async Task StreamsAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int streams = 100;
        const int tokens = 2000;
        Scenarios.Title($"{streams} streams at once, {tokens} tokens each, 20 ms apart (fake CLI)");
        await using var bed = await Bed.WithFakeClaudeAsync(
            Timed(tokens, 20),
            cancellationToken,
            ("GLOBAL_CONCURRENCY", "100"),
            ("QUEUE_LIMIT", "100"),
            ("QUEUE_TIMEOUT", "5m"),
            ("REQ_TIMEOUT", "10m"),
            ("IDLE_TIMEOUT", "2m")
        );
        var ages = new Distribution[streams];
        var memory = new List<double> { ResidentMegabytes(bed.Relay.Id) };
        var open = streams;
        var running = Enumerable
            .Range(0, streams)
            .Select(async number =>
            {
                var own = ages[number] = new Distribution();
                var token = 0;
                // The start of a hundred processes on few cores is not what is measured: the second half is.
                await bed.StreamAsync(
                    "hi",
                    text =>
                        Each(
                            text,
                            age =>
                            {
                                if (++token > tokens / 2)
                                {
                                    own.Add(age);
                                }
                            }
                        ),
                    cancellationToken
                );
                Interlocked.Decrement(ref open);
            })
            .ToList();
        var whole = Task.WhenAll(running);
        while (!whole.IsCompleted)
        {
            await Task.WhenAny(whole, Task.Delay(TimeSpan.FromSeconds(5), cancellationToken));
            if (Volatile.Read(ref open) == streams)
            {
                memory.Add(ResidentMegabytes(bed.Relay.Id));
            }
        }

        await whole;
        var all = new Distribution();
        foreach (var own in ages)
        {
            all.AddAll(own);
        }

        Report("each token", all, 5);
        Console.WriteLine($"  the relay's memory, every 5 s: {string.Join(", ", memory.Select(megabytes => $"{megabytes:0}"))} MB");
    }

    /// <summary>From the first words to the last, over the real CLI: read from the CLI itself, and through the relay.</summary>
    public static async Task RateAsync(string claude, CancellationToken cancellationToken)
    {
        const int words = 20_000;
        const int rounds = 6;
        Scenarios.Title($"Tokens a second through the relay and from the CLI itself (real CLI, {words} tokens that the API sends at once)");
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken);
        await bed.SetBehaviorAsync(new { words }, cancellationToken);
        // Both processes answer again and again: one that has answered before is four times as fast as a new one.
        await using var direct = await DirectClaude.StartAsync(claude, bed.Simulator.Address.ToString(), bed.Home, cancellationToken);
        Distribution own = new(),
            through = new();
        for (var round = -3; round < rounds; round++)
        {
            var (_, duration) = await direct.StreamAsync("hi", cancellationToken);
            long? first = null;
            var last = 0L;
            await bed.StreamAsync(
                "hi",
                _ =>
                {
                    last = Stopwatch.GetTimestamp();
                    first ??= last;
                },
                cancellationToken
            );
            if (round >= 0)
            {
                own.Add(duration.TotalMilliseconds);
                through.Add(Stopwatch.GetElapsedTime(first!.Value, last).TotalMilliseconds);
            }
        }

        Console.WriteLine(
            $"  the CLI itself {words / own.At(0.5) * 1000:0} a second, through the relay {words / through.At(0.5) * 1000:0} a second"
        );
        Scenarios.Ratio("tokens a second, relay / CLI, p50", own.At(0.5), through.At(0.5), -0.95);
    }

    private static FakeScript Timed(int deltas, int delayMs) =>
        new()
        {
            TimedDeltas = true,
            Deltas = deltas,
            DeltaDelayMs = delayMs,
            Answer = new string('a', deltas),
        };

    /// <summary>Milliseconds since the fake CLI wrote each of the deltas that became one piece.</summary>
    private static void Each(string text, Action<double> onAge)
    {
        foreach (var range in text.AsSpan().TrimEnd(' ').Split(' '))
        {
            onAge(Stopwatch.GetElapsedTime(long.Parse(text.AsSpan(range), CultureInfo.InvariantCulture)).TotalMilliseconds);
        }
    }

    private static void Report(string name, Distribution ages, double? targetMs) =>
        Console.WriteLine(
            $"  {name, -34} p50 {ages.At(0.5):0.00} ms   p99 {ages.At(0.99):0.00} ms   max {ages.At(1):0.00} ms   n "
                + $"{ages.Count}"
                + (
                    targetMs is { } target
                        ? $"   (target: p99 at most {target} ms, {(ages.At(0.99) <= target ? "met" : "MISSED")})"
                        : string.Empty
                )
        );

    private static double ResidentMegabytes(int processId) =>
        double.Parse(
            File.ReadLines($"/proc/{processId}/status")
                .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture
        ) / 1024;
}
