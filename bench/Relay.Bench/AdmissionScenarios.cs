using System.Diagnostics;
using System.Text;
using MediatR;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Relay.Application;
using Relay.Application.Auditing;
using Relay.Application.Completions;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure;
using Relay.Infrastructure.Home;
using Relay.Redis;

namespace Relay.Bench;

/// <summary>The cost of letting a request in, and of turning it away.</summary>
internal static class AdmissionScenarios
{
    private const int Connections = 32;

    /// <summary>Key, limits and audit hand-over of one request, in the relay's own container, at a thousand a second.</summary>
    public static async Task AdmissionAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int perSecond = 1000;
        const int seconds = 15;
        Scenarios.Title(
            $"Admission: key, limits, audit hand-over, at {perSecond} requests a second (engine replaced by one that answers at once)"
        );
        var home = Directory.CreateTempSubdirectory("claude-relay-bench-").FullName;
        await using var services = Services(home);
        var hosted = services
            .GetServices<IHostedService>()
            .Where(service => service.GetType().Name is "KeyDirectory" or "QuotaStore" or "AuditFile")
            .ToList();
        var mediator = services.GetRequiredService<IMediator>();
        var added = (await mediator.Send(new AddKeyCommand(KeyLabel.Create("bench").Value, KeyLimits.Default), cancellationToken)).Value;
        foreach (var service in hosted)
        {
            await service.StartAsync(cancellationToken);
        }

        var (keys, auditLog) = (services.GetRequiredService<IKeyDirectory>(), services.GetRequiredService<IAuditLog>());
        var request = CompletionRequest.Create("hi", null, null).Value;
        var secret = added.Secret.Reveal();
        var times = new Distribution();
        var watch = Stopwatch.StartNew();
        for (var number = 0; number < perSecond * seconds; number++)
        {
            while (watch.Elapsed.TotalSeconds < number / (double)perSecond)
            {
                await Task.Delay(1, cancellationToken);
            }

            var startedAt = Stopwatch.GetTimestamp();
            var key = keys.Find(KeySecret.Parse(secret)!)!;
            var context = new RequestContext("req_bench", key, null);
            var result = await mediator.Send(new CompleteCommand(context, request), cancellationToken);
            auditLog.Write(
                new AuditEntry("complete")
                {
                    RequestId = context.RequestId,
                    KeyId = key.Id,
                    KeyLabel = key.Label.Value,
                    Model = context.Model?.Value,
                    Status = 200,
                    Usage = result.Value.Usage,
                }
            );
            if (number >= perSecond)
            {
                times.Add(Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds);
            }
        }

        foreach (var service in Enumerable.Reverse(hosted))
        {
            await service.StopAsync(cancellationToken);
        }

        Console.WriteLine(
            $"  p50 {times.At(0.5) * 1000:0.0} µs   p99 {times.At(0.99) * 1000:0.0} µs   max {times.At(1):0.000} ms   n {times.Count}"
        );
        Scenarios.Ratio("p50 / 50 µs", times.At(0.5), 0.05, 1);
        Scenarios.Ratio("p99 / 1 ms", times.At(0.99), 1, 1);
        Directory.Delete(home, recursive: true);
    }

    /// <summary>Refusals a second, against a bare Kestrel endpoint that writes the same bytes.</summary>
    public static async Task RefusalsAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int rounds = 4;
        var time = TimeSpan.FromSeconds(4);
        Scenarios.Title($"Refusals, {Connections} connections without a pause, {rounds} rounds in turn");
        await using var bed = await Bed.WithFakeClaudeAsync(cancellationToken, ("PER_KEY_RPM", "1"), ("LOG_FORMAT", "text"));
        var bare = await bed.StartBareAsync(cancellationToken);
        const string body = """{"prompt":"hi"}""";
        (string Name, int Status, Uri Server, byte[] Request)[] ways =
        [
            ("bare Kestrel", 401, bare.Address, LoadClient.Request(bare.Address, "POST", "/v1/complete", null, body)),
            ("401, no key", 401, bed.Relay.Address, LoadClient.Request(bed.Relay.Address, "POST", "/v1/complete", null, body)),
            (
                "401, unknown key",
                401,
                bed.Relay.Address,
                LoadClient.Request(bed.Relay.Address, "POST", "/v1/complete", KeySecret.Generate().Reveal(), body)
            ),
            ("429, limit used up", 429, bed.Relay.Address, LoadClient.Request(bed.Relay.Address, "POST", "/v1/complete", bed.Key, body)),
        ];
        await bed.CompleteAsync(bed.Relay, "hi", null, cancellationToken);
        var rates = ways.ToDictionary(way => way.Name, _ => 0.0, StringComparer.Ordinal);
        for (var round = -1; round < rounds; round++)
        {
            foreach (var (name, status, server, request) in ways)
            {
                var load = await LoadClient.RunAsync(server, request, Connections, time, null, cancellationToken);
                // One request a minute is let in.
                if (load.Answers.GetValueOrDefault(status) < load.Milliseconds.Count - 2)
                {
                    throw new InvalidOperationException($"{name}: {string.Join(", ", load.Answers)}");
                }

                rates[name] += round < 0 ? 0 : load.Rate / rounds;
            }
        }

        foreach (var (name, rate) in rates)
        {
            Console.WriteLine($"  {name, -20} {rate:0} answers a second");
        }

        foreach (var name in rates.Keys.Skip(1))
        {
            Scenarios.Ratio($"{name} / bare Kestrel", rates[name], rates["bare Kestrel"], -0.5);
        }

        Console.WriteLine($"  relay's resident memory: {bed.Relay.ResidentMegabytes:0} MB");
    }

    /// <summary>A hundred thousand keys: how long they take to load, and whether requests notice.</summary>
    public static async Task KeysAsync(string claude, CancellationToken cancellationToken)
    {
        _ = claude;
        const int keys = 100_000;
        Scenarios.Title($"keys.json with {keys} keys");
        await using var bed = await Bed.WithFakeClaudeAsync(cancellationToken);
        var file = Path.Combine(bed.RelayHome, "keys.json");
        WriteKeys(file, keys);
        await bed.Relay.WaitForAsync(Bed.KeysLoaded(keys + 1), cancellationToken);
        var request = LoadClient.Request(bed.Relay.Address, "GET", "/v1/models", bed.Key, null);
        await LoadClient.RunAsync(bed.Relay.Address, request, 4, TimeSpan.FromSeconds(3), 1000, cancellationToken);

        var quiet = await LoadClient.RunAsync(bed.Relay.Address, request, 4, TimeSpan.FromSeconds(8), 1000, cancellationToken);
        var reloading = LoadClient.RunAsync(bed.Relay.Address, request, 4, TimeSpan.FromSeconds(8), 1000, cancellationToken);
        for (var reload = 0; reload < 5; reload++)
        {
            await Task.Delay(1300, cancellationToken);
            File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddSeconds(1));
        }

        var busy = await reloading;
        var loads = bed.LoadMilliseconds(keys + 1);
        Console.WriteLine($"  loaded {loads.Count} times: {string.Join(", ", loads.Select(load => $"{load:0} ms"))}");
        Scenarios.Ratio("slowest load / 1 s", loads.Max(), 1000, 1);
        Console.WriteLine(
            $"  requests at 1000 a second: quiet p99 {quiet.At(0.99):0.0} ms, max {quiet.At(1):0.0} ms; while reloading p99 "
                + $"{busy.At(0.99):0.0} ms, max {busy.At(1):0.0} ms"
        );
        Scenarios.Ratio("p99, reloading / quiet", busy.At(0.99), quiet.At(0.99), 2);
        Scenarios.Ratio("answers 200, reloading / quiet", busy.Answers.GetValueOrDefault(200), quiet.Answers.GetValueOrDefault(200), -0.97);
    }

    /// <summary>Adds keys to the file as an operator's own tool might: by its documented form.</summary>
    private static void WriteKeys(string file, int count)
    {
        var text = File.ReadAllText(file);
        var entries = new StringBuilder(text[..text.LastIndexOf(']')].TrimEnd());
        for (var number = 0; number < count; number++)
        {
            var secret = KeySecret.Generate();
            entries
                .Append(",\n")
                .Append(
                    $$"""{"id":"key_{{number:x16}}","label":"app-{{number}}","hash":"{{secret.Hash.Value}}","prefix":"{{secret.Prefix}}","created_at":"2026-11-23T00:00:00+00:00","scopes":["complete"]}"""
                );
        }

        File.WriteAllText(file + ".next", entries.Append("]}").ToString());
        File.Move(file + ".next", file, overwrite: true);
    }

    /// <summary>A relay's own container, with limits that nobody meets.</summary>
    public static ServiceProvider Services(string home, params (string Name, string Value)[] settings)
    {
        (string Name, string Value)[] all =
        [
            ("PER_KEY_RPM", "10000000"),
            ("PER_KEY_DAILY", "10000000"),
            ("GLOBAL_DAILY", "10000000"),
            .. settings,
        ];
        var opened = RelayHome.Open(home);
        var configuration = new ConfigurationBuilder()
            .AddConfigEnv(opened.ConfigFile)
            .AddInMemoryCollection(all.ToDictionary(setting => setting.Name, setting => (string?)setting.Value, StringComparer.Ordinal))
            .Build();
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConfiguration>(configuration)
            .AddRelayApplication()
            .AddRelayRedis(configuration)
            .AddRelayInfrastructure(opened);
        return services.Replace(ServiceDescriptor.Singleton<ICompletionEngine, InstantEngine>()).BuildServiceProvider();
    }

    /// <summary>Answers at once, as if it had asked the API.</summary>
    private sealed class InstantEngine : ICompletionEngine
    {
        public bool TakesParameters => true;

        public Task<Result<Completion>> CompleteAsync(
            string keyId,
            ModelName model,
            CompletionRequest request,
            ICompletionSink? sink,
            Spending spending,
            CancellationToken cancellationToken
        )
        {
            var usage = new TokenUsage(10, 2, 0, 0, 0.000002m);
            (spending.ReachedApi, spending.IsFinal, spending.Usage) = (true, true, usage);
            return Task.FromResult<Result<Completion>>(
                new Completion(
                    model,
                    "ok",
                    "end_turn",
                    usage,
                    new CompletionTimings(ProcessOrigin.Blank, default, default, default, default)
                )
            );
        }
    }
}
