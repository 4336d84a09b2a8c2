using System.Diagnostics;

namespace Relay.Bench;

/// <summary>What is measured. Each prints ratios of two things of the same run; absolute times depend on the machine.</summary>
internal static class Scenarios
{
    /// <summary>How long a model takes to begin: long enough for spares to be refilled meanwhile, as they are in real use.</summary>
    private static readonly TimeSpan ModelLatency = TimeSpan.FromMilliseconds(300);

    /// <summary>A caller's pause between two requests.</summary>
    private static readonly TimeSpan ThinkTime = TimeSpan.FromMilliseconds(900);

    /// <summary>Time added to the model's, one caller: the obvious approach, a new system prompt, a repeated one, the floor.</summary>
    public static async Task LatencyAsync(string claude, CancellationToken cancellationToken)
    {
        const int rounds = 40;
        Title($"Added time, one caller (a model that takes {ModelLatency.TotalMilliseconds} ms, {ThinkTime.TotalMilliseconds} ms between requests)");
        await using var bed = await Bed.WithRealClaudeAsync(claude, ModelLatency, cancellationToken);
        await using var floorProcess = await CliFloor.StartAsync(claude, bed.Simulator.Address.ToString(), bed.Home, cancellationToken);
        Distribution obvious = new(), fresh = new(), repeated = new(), floor = new();
        double relayCpu = 0, obviousCpu = 0;
        for (var round = -3; round < rounds; round++)
        {
            (double Obvious, double Relay) before = (bed.Obvious.CpuSeconds, bed.Relay.CpuSeconds);
            (Distribution Into, Func<Task<TimeSpan>> Run)[] steps =
            [
                (obvious, () => bed.CompleteAsync(bed.Obvious, "hi", $"You are number {round}.", cancellationToken)),
                (fresh, () => bed.CompleteAsync(bed.Relay, "hi", $"You are number {round}.", cancellationToken)),
                (repeated, () => bed.CompleteAsync(bed.Relay, "hi", "You are always the same.", cancellationToken)),
                (floor, () => floorProcess.TurnAsync("hi", cancellationToken)),
            ];
            foreach (var (into, run) in steps)
            {
                var added = await run() - ModelLatency;
                if (round >= 0)
                {
                    into.Add(added.TotalMilliseconds);
                }

                await Task.Delay(ThinkTime, cancellationToken);
            }

            if (round >= 0)
            {
                obviousCpu += bed.Obvious.CpuSeconds - before.Obvious;
                relayCpu += bed.Relay.CpuSeconds - before.Relay;
            }
        }

        Line("obvious approach", obvious);
        Line("relay, new system prompt", fresh);
        Line("relay, repeated system prompt", repeated);
        Line("the CLI's floor (shared process)", floor);
        Ratio("new / obvious, p50", fresh.At(0.5), obvious.At(0.5), 0.33);
        Ratio("repeated / obvious, p50", repeated.At(0.5), obvious.At(0.5), 0.22);
        Ratio("CPU per completion, relay / obvious", relayCpu / (2 * rounds), obviousCpu / rounds, null);
        Console.WriteLine($"  CPU per completion: relay {relayCpu / (2 * rounds):0.000} s, obvious {obviousCpu / rounds:0.000} s");
        await ReportSizesAsync(bed, cancellationToken);
    }

    /// <summary>The relay's own share, with a CLI that answers at once; and its memory after many completions.</summary>
    public static async Task OwnShareAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int warmUp = 200;
        const int completions = 1000;
        Title("The relay's own share (instant fake CLI, unjailed, process starts excluded)");
        await using var bed = await Bed.WithFakeClaudeAsync(cancellationToken);
        for (var number = 0; number < completions; number++)
        {
            await bed.CompleteAsync(bed.Relay, "hi", null, cancellationToken);
        }

        var after1000 = bed.Relay.ResidentMegabytes;
        for (var number = 0; number < completions; number++)
        {
            await bed.CompleteAsync(bed.Relay, "hi", null, cancellationToken);
        }

        var own = new Distribution();
        bed.OwnMilliseconds().Skip(warmUp).ToList().ForEach(own.Add);
        Console.WriteLine($"  own: p50 {own.At(0.5):0.000} ms   p99 {own.At(0.99):0.000} ms   max {own.At(1):0.000} ms   n {own.Count}");
        Ratio("own p50 / 1 ms", own.At(0.5), 1, 1);
        Ratio("own p99 / 5 ms", own.At(0.99), 5, 1);
        Console.WriteLine($"  relay's resident memory: {after1000:0} MB after {completions}, {bed.Relay.ResidentMegabytes:0} MB after {2 * completions}");
        Ratio("memory after 1000 / 120 MB", after1000, 120, 1);
        Ratio("memory after 2000 / after 1000", bed.Relay.ResidentMegabytes, after1000, null);
    }

    /// <summary>Sixteen callers at once against two spares.</summary>
    public static async Task BurstAsync(string claude, CancellationToken cancellationToken)
    {
        const int callers = 16;
        const int bursts = 5;
        Title($"A burst of {callers} against 2 spares");
        await using var bed = await Bed.WithRealClaudeAsync(claude, ModelLatency, cancellationToken, ("GLOBAL_CONCURRENCY", "16"));
        Distribution obvious = new(), relay = new();
        for (var burst = 0; burst < bursts; burst++)
        {
            foreach (var (server, into) in ((Child, Distribution)[])[(bed.Obvious, obvious), (bed.Relay, relay)])
            {
                var times = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => bed.CompleteAsync(server, "hi", $"You are {caller}.", cancellationToken)));
                times.ToList().ForEach(time => into.Add(time.TotalMilliseconds));
                await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken);
            }
        }

        Line("obvious approach", obvious);
        Line("relay", relay);
        Ratio("p95, relay / obvious", relay.At(0.95), obvious.At(0.95), 1);
    }

    /// <summary>As many completions as the machine can do, against what its cores allow given the CLI's own CPU.</summary>
    public static async Task SaturationAsync(string claude, CancellationToken cancellationToken)
    {
        const int callers = 8;
        Title($"Saturation: {callers} callers without a pause, a model that answers at once");
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken, ("QUEUE_TIMEOUT", "60s"));
        foreach (var (name, server) in ((string, Child)[])[("obvious approach", bed.Obvious), ("relay", bed.Relay)])
        {
            await LoadAsync(bed, server, callers, TimeSpan.FromSeconds(5), cancellationToken);
            var cpu = server.CpuSeconds;
            var watch = Stopwatch.StartNew();
            var done = await LoadAsync(bed, server, callers, TimeSpan.FromSeconds(25), cancellationToken);
            var (rate, perCompletion) = (done / watch.Elapsed.TotalSeconds, (server.CpuSeconds - cpu) / done);
            var possible = Environment.ProcessorCount / perCompletion;
            Console.WriteLine($"  {name}: {rate:0.00} completions a second, {perCompletion:0.000} s of CPU each; the cores allow {possible:0.00}");
            Ratio($"{name}, done / possible", rate, possible, server == bed.Relay ? -0.9 : null);
        }
    }

    private static async Task<int> LoadAsync(Bed bed, Child server, int callers, TimeSpan time, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var done = 0;
        await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            while (watch.Elapsed < time)
            {
                await bed.CompleteAsync(server, "hi", $"You are {caller}.", cancellationToken);
                Interlocked.Increment(ref done);
            }
        }));
        return done;
    }

    private static async Task ReportSizesAsync(Bed bed, CancellationToken cancellationToken)
    {
        await bed.TakeBodyLengthsAsync(cancellationToken);
        await bed.CompleteAsync(bed.Relay, "hi", null, cancellationToken);
        var bytes = (await bed.TakeBodyLengthsAsync(cancellationToken)).Single();
        await bed.CompleteAsync(bed.Obvious, "hi", null, cancellationToken);
        var obviousBytes = (await bed.TakeBodyLengthsAsync(cancellationToken))[^1];
        Console.WriteLine($"  the API receives for \"hi\": {bytes} bytes from the relay, {obviousBytes} from the obvious approach");
        Ratio("bytes / 2000", bytes, 2000, 1);
        var spares = Child.ChildrenOf(bed.Relay.Id).Select(Child.ProportionalMegabytes).Where(megabytes => megabytes > 20).ToList();
        Console.WriteLine($"  relay's resident memory: {bed.Relay.ResidentMegabytes:0} MB; a spare: {(spares.Count == 0 ? double.NaN : spares.Average()):0} MB (PSS, {spares.Count} parked)");
    }

    private static void Title(string text) => Console.WriteLine($"\n{text}");

    private static void Line(string name, Distribution times) => Console.WriteLine($"  {name,-34} {times}");

    /// <summary>A negative target is a least value, a positive one a largest.</summary>
    private static void Ratio(string name, double value, double of, double? target)
    {
        var ratio = value / of;
        var verdict = target switch
        {
            null => string.Empty,
            < 0 and var least => $"   (target: at least {-least}, {(ratio >= -least ? "met" : "MISSED")})",
            var most => $"   (target: at most {most}, {(ratio <= most ? "met" : "MISSED")})",
        };
        Console.WriteLine($"  {name}: {ratio:0.00}{verdict}");
    }
}
