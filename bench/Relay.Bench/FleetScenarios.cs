using System.Diagnostics;
using System.Globalization;
using MediatR;
using Relay.Application.Completions;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.UnitTests.Support;

namespace Relay.Bench;

/// <summary>
/// The cost of several relays that share one Redis: a real <c>redis-server</c> on loopback with its append-only file, and relays that are
/// containers of this process, each with its own connection.
/// </summary>
internal static class FleetScenarios
{
    /// <summary>Loops of each relay that admit and settle without a pause.</summary>
    private const int Loops = 16;

    private const int Many = 1_000_000_000;

    private static readonly TimeSpan Time = TimeSpan.FromSeconds(4);

    private static readonly QuotaLimits Limits = new(Many, Many, Many, Many, 1_000_000);

    private static readonly ModelName Model = ModelName.Create("sonnet").Value;

    /// <summary>One admission, beside one of a relay by itself; how many three relays do in a second; and how both grow.</summary>
    public static async Task FleetAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        Scenarios.Title("Admission through a shared Redis on loopback (append-only file, fsync every second)");
        await using (var local = await BenchRelay.StartAsync("local", cancellationToken))
        await using (var fleet = await Fleet.StartAsync(1, cancellationToken))
        {
            var alone = await PacedAsync(local, cancellationToken);
            var shared = await PacedAsync(fleet.Relays[0], cancellationToken);
            Console.WriteLine(
                $"  whole admission at {PerSecond} a second, STATE=local: p50 {alone.At(0.5):0.000} ms   p99 {alone.At(0.99):0.000} ms   "
                    + $"n {alone.Count}"
            );
            Console.WriteLine(
                $"  whole admission at {PerSecond} a second, STATE=redis: p50 {shared.At(0.5):0.000} ms   p99 {shared.At(0.99):0.000} ms "
                    + $"  n {shared.Count}"
            );
            Scenarios.Ratio("p50 / 0.5 ms", shared.At(0.5), 0.5, 1);
            Scenarios.Ratio("p99 / 3 ms", shared.At(0.99), 3, 1);
        }

        Dictionary<int, (double Rate, Distribution Times)> byRelays = [];
        foreach (var relays in (int[])[1, 2, 3, 4, 8])
        {
            await using var fleet = await Fleet.StartAsync(relays, cancellationToken);
            byRelays[relays] = await FullAsync(fleet, [.. Enumerable.Range(0, 100).Select(KeyId)], cancellationToken);
        }

        Plot("relays, 100 keys", byRelays);
        Scenarios.Ratio("three relays / 5,000 a second", byRelays[3].Rate, 5000, -1);

        Dictionary<int, (double Rate, Distribution Times)> byKeys = [];
        await using (var fleet = await Fleet.StartAsync(3, cancellationToken))
        {
            foreach (var keys in (int[])[10, 100, 1000, 10_000, 100_000])
            {
                string[] ids = [.. Enumerable.Range(0, keys).Select(KeyId)];
                await Parallel.ForEachAsync(
                    ids,
                    new ParallelOptions { MaxDegreeOfParallelism = 3 * Loops, CancellationToken = cancellationToken },
                    async (id, token) => await AdmitAsync(fleet.Relays[0].Quotas, id, token)
                );
                byKeys[keys] = await FullAsync(fleet, ids, cancellationToken);
            }
        }

        Plot("keys, 3 relays", byKeys);
    }

    private const int PerSecond = 500;

    /// <summary>Key, limits and settlement of one request, at a steady pace.</summary>
    private static async Task<Distribution> PacedAsync(BenchRelay relay, CancellationToken cancellationToken)
    {
        const int seconds = 15;
        var added = (
            await relay.Mediator.Send(new AddKeyCommand(KeyLabel.Create("bench").Value, KeyLimits.Default), cancellationToken)
        ).Value;
        var secret = added.Secret.Reveal();
        ApiKey? key;
        while ((key = relay.Keys.Find(KeySecret.Parse(secret)!)) is null)
        {
            await Task.Delay(10, cancellationToken);
        }

        var request = CompletionRequest.Create("hi", null, null).Value;
        var times = new Distribution();
        var watch = Stopwatch.StartNew();
        for (var number = 0; number < PerSecond * seconds; number++)
        {
            while (watch.Elapsed.TotalSeconds < number / (double)PerSecond)
            {
                await Task.Delay(1, cancellationToken);
            }

            var startedAt = Stopwatch.GetTimestamp();
            var result = await relay.Mediator.Send(
                new CompleteCommand(new RequestContext("req_bench", relay.Keys.Find(KeySecret.Parse(secret)!)!, null), request),
                cancellationToken
            );
            _ = result.Value;
            if (number >= PerSecond)
            {
                times.Add(Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds);
            }
        }

        return times;
    }

    /// <summary>Admissions, each with its settlement, as many as go; keys at random.</summary>
    private static async Task<(double Rate, Distribution Times)> FullAsync(Fleet fleet, string[] keys, CancellationToken cancellationToken)
    {
        await LoopsAsync(fleet, keys, TimeSpan.FromSeconds(1), cancellationToken);
        await fleet.SettledAsync(cancellationToken);
        var startedAt = Stopwatch.GetTimestamp();
        var times = await LoopsAsync(fleet, keys, Time, cancellationToken);
        await fleet.SettledAsync(cancellationToken);
        return (times.Count / Stopwatch.GetElapsedTime(startedAt).TotalSeconds, times);
    }

    private static async Task<Distribution> LoopsAsync(Fleet fleet, string[] keys, TimeSpan time, CancellationToken cancellationToken)
    {
        var all = new Distribution();
        var loops = fleet
            .Relays.SelectMany(relay =>
                Enumerable
                    .Range(0, Loops)
                    .Select(loop =>
                        Task.Run(
                            async () =>
                            {
                                var times = new Distribution();
                                var random = new Random(loop);
                                var watch = Stopwatch.StartNew();
                                while (watch.Elapsed < time)
                                {
                                    var startedAt = Stopwatch.GetTimestamp();
#pragma warning disable CA5394 // The choice of a key is no secret.
                                    await AdmitAsync(relay.Quotas, keys[random.Next(keys.Length)], cancellationToken);
#pragma warning restore CA5394
                                    times.Add(Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds);
                                }

                                return times;
                            },
                            cancellationToken
                        )
                    )
            )
            .ToList();
        foreach (var times in await Task.WhenAll(loops))
        {
            all.AddAll(times);
        }

        return all;
    }

    private static async Task AdmitAsync(IQuotaStore quotas, string keyId, CancellationToken cancellationToken)
    {
        var decision = await quotas.ChargeAsync(keyId, Model, Limits, 0.01m, cancellationToken);
        var charge = decision.Charge ?? throw new InvalidOperationException(decision.Refusal?.Message);
        await quotas.SettleAsync(
            charge,
            Model,
            new Spending
            {
                ReachedApi = true,
                IsFinal = true,
                Usage = new TokenUsage(10, 2, 0, 0, 0.000002m),
            },
            0.000002m,
            cancellationToken
        );
    }

    private static string KeyId(int number) => $"key_{number:x16}";

    private static void Plot(string of, Dictionary<int, (double Rate, Distribution Times)> measured)
    {
        const int width = 40;
        Console.WriteLine($"  {of}: admissions, with their settlements, a second");
        var most = measured.Values.Max(point => point.Rate);
        foreach (var (number, (rate, times)) in measured)
        {
            Console.WriteLine(
                $"  {number.ToString("#,0", CultureInfo.InvariantCulture), 8} "
                    + $"{new string('█', (int)Math.Round(rate / most * width)), -width} "
                    + $"{rate, 6:0}   p50 {times.At(0.5):0.0} ms   p99 {times.At(0.99):0.0} ms"
            );
        }
    }

    /// <summary>Relays, and what they share.</summary>
    private sealed class Fleet : IAsyncDisposable
    {
        private readonly RedisServer _redis = RedisServer.Start("--appendonly", "yes");

        public List<BenchRelay> Relays { get; } = [];

        public static async Task<Fleet> StartAsync(int relays, CancellationToken cancellationToken)
        {
            var fleet = new Fleet();
            for (var number = 0; number < relays; number++)
            {
                fleet.Relays.Add(await BenchRelay.StartAsync(fleet._redis.Address, cancellationToken));
            }

            return fleet;
        }

        /// <summary>Waits until no charge is open: what is told afterwards counts, too.</summary>
        public async Task SettledAsync(CancellationToken cancellationToken)
        {
            while (_redis.Cli("scard", "{claude-relay}:open") != "0")
            {
                await Task.Delay(5, cancellationToken);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var relay in Relays)
            {
                await relay.DisposeAsync();
            }

            _redis.Dispose();
        }
    }

    /// <summary>A relay's own container, as far as admission needs it.</summary>
    private sealed class BenchRelay : IAsyncDisposable
    {
        private readonly string _home = Directory.CreateTempSubdirectory("claude-relay-bench-").FullName;
        private readonly ServiceProvider _services;
        private readonly List<IHostedService> _hosted;

        private BenchRelay(string state)
        {
            _services = AdmissionScenarios.Services(_home, ("STATE", state), ("STATE_TIMEOUT", "10s"));
            _hosted =
            [
                .. _services
                    .GetServices<IHostedService>()
                    .Where(service =>
                        service.GetType().Name
                            is "KeyDirectory"
                                or "QuotaStore"
                                or "RedisLink"
                                or "RedisKeyDirectory"
                                or "Pulse"
                                or "Outbox"
                    ),
            ];
        }

        public IMediator Mediator => _services.GetRequiredService<IMediator>();

        public IKeyDirectory Keys => _services.GetRequiredService<IKeyDirectory>();

        public IQuotaStore Quotas => _services.GetRequiredService<IQuotaStore>();

        public static async Task<BenchRelay> StartAsync(string state, CancellationToken cancellationToken)
        {
            var relay = new BenchRelay(state);
            foreach (var service in relay._hosted)
            {
                await service.StartAsync(cancellationToken);
            }

            return relay;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var service in Enumerable.Reverse(_hosted))
            {
                await service.StopAsync(CancellationToken.None);
            }

            await _services.DisposeAsync();
            Directory.Delete(_home, recursive: true);
        }
    }
}
