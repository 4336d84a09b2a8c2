using Relay.Bench;

if (args is ["obvious", .. var settings])
{
    await ObviousServer.RunAsync(settings);
    return 0;
}

if (args is ["bare"])
{
    await BareServer.RunAsync();
    return 0;
}

if (args is not [var claude, .. var names])
{
    Console.Error.WriteLine(
        "usage: Relay.Bench CLAUDE [latency] [own] [burst] [saturation] [reuse] [gate] [tools] [admission] [refusals] [keys] [fleet] "
            + "[strip] [fetch] [readers] [tokens] [streams] [rate]   (all of them when none is named)"
    );
    return 2;
}

Dictionary<string, Func<string, CancellationToken, Task>> scenarios = new(StringComparer.Ordinal)
{
    ["latency"] = Scenarios.LatencyAsync,
    ["own"] = Scenarios.OwnShareAsync,
    ["burst"] = Scenarios.BurstAsync,
    ["saturation"] = Scenarios.SaturationAsync,
    ["reuse"] = Scenarios.ReuseAsync,
    ["gate"] = GateScenario.RunAsync,
    ["tools"] = ToolScenario.RunAsync,
    ["admission"] = AdmissionScenarios.AdmissionAsync,
    ["refusals"] = AdmissionScenarios.RefusalsAsync,
    ["keys"] = AdmissionScenarios.KeysAsync,
    ["fleet"] = FleetScenarios.FleetAsync,
    ["strip"] = PageScenarios.StripAsync,
    ["fetch"] = PageScenarios.FetchAsync,
    ["readers"] = ReaderScenario.CompareAsync,
    ["tokens"] = StreamScenarios.TokensAsync,
    ["streams"] = StreamScenarios.StreamsAsync,
    ["rate"] = StreamScenarios.RateAsync,
};
if (names.FirstOrDefault(name => !scenarios.ContainsKey(name)) is { } unknown)
{
    Console.Error.WriteLine($"There is no scenario '{unknown}': {string.Join(", ", scenarios.Keys)}.");
    return 2;
}

// A bound for everything: a benchmark that hangs ends by itself.
using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(30));
foreach (var name in names.Length == 0 ? [.. scenarios.Keys] : names)
{
    await scenarios[name](claude, limit.Token);
}

return 0;
