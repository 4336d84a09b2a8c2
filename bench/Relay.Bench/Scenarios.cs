using System.Diagnostics;

namespace Relay.Bench;

/// <summary>The measurements. Each prints ratios of two things of the same run; absolute times depend on the machine.</summary>
internal static class Scenarios
{
    /// <summary>The time that a model takes to begin: long enough for spares to be refilled meanwhile, as they are in real use.</summary>
    private static readonly TimeSpan ModelLatency = TimeSpan.FromMilliseconds(300);

    /// <summary>A caller's pause between two requests.</summary>
    private static readonly TimeSpan ThinkTime = TimeSpan.FromMilliseconds(900);

    /// <summary>Time added to the model's, one caller: the obvious approach, a new system prompt, a repeated one, the floor.</summary>
    public static async Task LatencyAsync(string claude, CancellationToken cancellationToken)
    {
        const int rounds = 24;
        Title(
            $"Added time, one caller (a model that takes {ModelLatency.TotalMilliseconds} ms, {ThinkTime.TotalMilliseconds} ms between "
                + "requests)"
        );
        await using var bed = await Bed.WithRealClaudeAsync(claude, ModelLatency, cancellationToken);
        await using var floorProcess = await DirectClaude.StartAsync(claude, bed.Simulator.Address.ToString(), bed.Home, cancellationToken);
        Distribution obvious = new(),
            fresh = new(),
            repeated = new(),
            floor = new();
        await floorProcess.TurnAsync("first", cancellationToken);
        Dictionary<Distribution, double> cpu = new()
        {
            [obvious] = 0,
            [fresh] = 0,
            [repeated] = 0,
            [floor] = 0,
        };
        for (var round = -3; round < rounds; round++)
        {
            (Distribution Into, Func<Task<TimeSpan>> Run)[] steps =
            [
                (obvious, () => bed.CompleteAsync(bed.Obvious, "hi", $"You are number {round}.", cancellationToken)),
                (fresh, () => bed.CompleteAsync(bed.Relay, "hi", $"You are number {round}.", cancellationToken)),
                (repeated, () => bed.CompleteAsync(bed.Relay, "hi", "You are always the same.", cancellationToken)),
                (floor, () => floorProcess.TurnAsync("hi", cancellationToken)),
            ];
            foreach (var (into, run) in steps)
            {
                var busyBefore = Child.MachineCpuSeconds;
                var added = await run() - ModelLatency;
                await Task.Delay(ThinkTime, cancellationToken);
                if (round >= 0)
                {
                    into.Add(added.TotalMilliseconds);
                    cpu[into] += Child.MachineCpuSeconds - busyBefore;
                }
            }
        }

        Line("obvious approach", obvious);
        Line("relay, new system prompt", fresh);
        Line("relay, repeated system prompt", repeated);
        Line("the CLI's floor (shared process)", floor);
        Ratio("new / obvious, p50", fresh.At(0.5), obvious.At(0.5), 0.25);
        Ratio("repeated / obvious, p50", repeated.At(0.5), obvious.At(0.5), 0.08);
        Console.WriteLine(
            $"  CPU per completion, whole machine: obvious {cpu[obvious] / rounds:0.00} s, new {cpu[fresh] / rounds:0.00} s, repeated "
                + $"{cpu[repeated] / rounds:0.00} s"
        );
        Ratio("CPU, new / obvious", cpu[fresh], cpu[obvious], null);
        Ratio("CPU, repeated / obvious", cpu[repeated], cpu[obvious], 0.12);
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
        Console.WriteLine(
            $"  relay's resident memory: {after1000:0} MB after {completions}, {bed.Relay.ResidentMegabytes:0} MB after {2 * completions}"
        );
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
        Distribution obvious = new(),
            relay = new();
        for (var burst = 0; burst < bursts; burst++)
        {
            foreach (var (server, into) in ((Child, Distribution)[])[(bed.Obvious, obvious), (bed.Relay, relay)])
            {
                var times = await Task.WhenAll(
                    Enumerable.Range(0, callers).Select(caller => bed.CompleteAsync(server, "hi", $"You are {caller}.", cancellationToken))
                );
                times.ToList().ForEach(time => into.Add(time.TotalMilliseconds));
                await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken);
            }
        }

        Line("obvious approach", obvious);
        Line("relay", relay);
        Ratio("p95, relay / obvious", relay.At(0.95), obvious.At(0.95), 1);
    }

    /// <summary>
    /// As many completions as the machine can do, against what its cores allow: the same locked-down CLI, one process a
    /// completion, driven directly, with the same number at once.
    /// </summary>
    public static async Task SaturationAsync(string claude, CancellationToken cancellationToken)
    {
        const int concurrency = 4;
        Title($"Saturation: {concurrency} callers without a pause, each with a system prompt that repeats, a model that answers at once");
        // One place more than callers: one key leaves one place to others.
        await using var bed = await Bed.WithRealClaudeAsync(
            claude,
            TimeSpan.Zero,
            cancellationToken,
            ("GLOBAL_CONCURRENCY", (concurrency + 1).ToString()),
            ("QUEUE_TIMEOUT", "60s")
        );
        var api = bed.Simulator.Address.ToString();
        (string Name, int Callers, Func<int, Task> Complete)[] ways =
        [
            (
                "the CLI alone",
                concurrency,
                async _ =>
                {
                    await using var direct = await DirectClaude.StartAsync(claude, api, bed.Home, cancellationToken);
                    await direct.TurnAsync("hi", cancellationToken);
                }
            ),
            ("relay", concurrency, caller => bed.CompleteAsync(bed.Relay, "hi", $"You are {caller}.", cancellationToken)),
            ("obvious approach", concurrency, caller => bed.CompleteAsync(bed.Obvious, "hi", $"You are {caller}.", cancellationToken)),
        ];
        var rates = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, callersOfWay, complete) in ways)
        {
            await LoadAsync(callersOfWay, TimeSpan.FromSeconds(5), complete);
            var cpu = Child.MachineCpuSeconds;
            var watch = Stopwatch.StartNew();
            var done = await LoadAsync(callersOfWay, TimeSpan.FromSeconds(30), complete);
            rates[name] = done / watch.Elapsed.TotalSeconds;
            Console.WriteLine(
                $"  {name, -20} {rates[name]:0.00} completions a second, {(Child.MachineCpuSeconds - cpu) / done:0.000} s of CPU each "
                    + "(whole machine)"
            );
        }

        Ratio("relay / the CLI alone", rates["relay"], rates["the CLI alone"], null);
        Ratio("relay / obvious approach", rates["relay"], rates["obvious approach"], -10);
    }

    /// <summary>One caller with one system prompt for a long time: the time of each, the connections to the API, and the memory.</summary>
    public static async Task ReuseAsync(string claude, CancellationToken cancellationToken)
    {
        const int completions = 10_000;
        Title($"{completions} completions one after the other, one system prompt, a model that answers at once (real CLI)");
        await using var bed = await Bed.WithRealClaudeAsync(claude, TimeSpan.Zero, cancellationToken);
        var times = new Distribution();
        var before = await bed.ConnectionsAsync(cancellationToken);
        for (var number = 0; number < completions; number++)
        {
            var time = await bed.CompleteAsync(bed.Relay, "hi", "You are always the same.", cancellationToken);
            if (number >= 10)
            {
                times.Add(time.TotalMilliseconds);
            }

            if (number is 199 or 999 or 3999 or completions - 1)
            {
                // A process that has served often enough ends now and then: not in the middle of this.
                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
                var processes = Child
                    .ChildrenOf(bed.Relay.Id)
                    .Select(Child.ProportionalMegabytes)
                    .Where(megabytes => megabytes > 20)
                    .ToList();
                Console.WriteLine(
                    $"  after {number + 1, 5}: relay {bed.Relay.ResidentMegabytes:0} MB, largest process "
                        + $"{processes.DefaultIfEmpty().Max():0} MB (PSS), "
                        + $"{await bed.ConnectionsAsync(cancellationToken) - before} connections to the API"
                );
            }
        }

        Line("relay, repeated system prompt", times);
    }

    /// <summary>Callers without a pause; answers how many completions they had.</summary>
    private static async Task<int> LoadAsync(int callers, TimeSpan time, Func<int, Task> complete)
    {
        var watch = Stopwatch.StartNew();
        var done = 0;
        await Task.WhenAll(
            Enumerable
                .Range(0, callers)
                .Select(async caller =>
                {
                    while (watch.Elapsed < time)
                    {
                        await complete(caller);
                        Interlocked.Increment(ref done);
                    }
                })
        );
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
        Console.WriteLine(
            $"  relay's resident memory: {bed.Relay.ResidentMegabytes:0} MB; a spare: "
                + $"{(spares.Count == 0 ? double.NaN : spares.Average()):0} MB (PSS, {spares.Count} parked)"
        );
    }

    public static void Title(string text) => Console.WriteLine($"\n{text}");

    private static void Line(string name, Distribution times) => Console.WriteLine($"  {name, -34} {times}");

    /// <summary>Prints a ratio. A negative target is a least value, a positive one a largest.</summary>
    public static void Ratio(string name, double value, double of, double? target)
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
