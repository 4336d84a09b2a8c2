using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Relay.Application.Health;
using Relay.Application.Models;
using Relay.Application.Quotas;
using Relay.Domain.Quotas;

namespace Relay.Application.Telemetry;

/// <summary>Gauges that are read when a collector asks: queues, processes, and readiness. They are made once.</summary>
internal sealed class RelayGauges
{
    private static readonly string Version = typeof(RelayGauges).Assembly.GetName().Version?.ToString(3) ?? string.Empty;

    private readonly IAdmission _admission;

    public RelayGauges(
        IMeterFactory meters,
        IAdmission admission,
        UpstreamLimits upstream,
        AccountMeter account,
        ModelCatalog models,
        IEngineLoad engine,
        IEngineHealth health,
        IEnumerable<IHealthCheck> checks,
        IOptionsMonitor<QuotaOptions> options
    )
    {
        _admission = admission;
        var meter = meters.Create(RelayMetrics.MeterName);
        meter.CreateObservableUpDownCounter(
            "relay.queue.waiting",
            () => OfQueues(load => load.Waiting),
            "{request}",
            "Requests that wait for a place."
        );
        meter.CreateObservableUpDownCounter("relay.queue.running", () => OfQueues(load => load.Running), "{request}", "Requests that run.");
        meter.CreateObservableUpDownCounter(
            "relay.queue.places",
            () => OfQueues(load => load.Places),
            "{request}",
            "Requests that may run at once."
        );
        meter.CreateObservableUpDownCounter(
            "relay.processes",
            () => engine.Load.Processes,
            "{process}",
            "Claude Code processes that live: working, parked and ending."
        );
        meter.CreateObservableUpDownCounter("relay.pool.spares", () => OfPool(engine.Load), "{process}", "Parked processes.");
        meter.CreateObservableGauge(
            "relay.pool.oldest_spare.age",
            () => (engine.Load.OldestSpare ?? TimeSpan.Zero).TotalSeconds,
            "s",
            "Time since the oldest parked process was parked; 0 without one."
        );
        meter.CreateObservableGauge(
            "relay.ready",
            () => health.Status.Problems.Count == 0 && checks.All(check => check.Problem is null) ? 1 : 0,
            null,
            "1 when no known problem prevents completions, as in /health/ready."
        );
        meter.CreateObservableGauge(
            "relay.lockdown.verified",
            () => health.Status.LockdownVerified ? 1 : 0,
            null,
            "1 when the last self-test of the lockdown passed."
        );
        meter.CreateObservableGauge(
            "relay.engine.problem",
            () => health.Status.Problems.Select(problem => Of(1, "error.type", problem.WireName)),
            null,
            "1 for each problem that keeps Claude Code from serving; no series when it serves."
        );
        meter.CreateObservableGauge(
            "relay.part.healthy",
            () => checks.Select(check => Of(check.Problem is null && check.Warning is null ? 1 : 0, "relay.part", check.Part)),
            null,
            "1 for each part of the relay that works, 0 for one that works on after a failure."
        );
        meter.CreateObservableGauge(
            "relay.upstream.limited",
            () => models.Allowed.Select(model => Of(upstream.Find(model) is null ? 0 : 1, "gen_ai.request.model", model.Value)),
            null,
            "1 while a limit of the Claude account that covers the model is reached."
        );
        meter.CreateObservableGauge(
            "relay.upstream.used",
            () => account.Known.Select(Of),
            "1",
            "Share of one of the Claude account's own limits that is used, by the API's latest answer: 0 to 1."
        );
        meter.CreateObservableGauge(
            "relay.login.end",
            () => OfTime(health.Status.LoginEndsAt),
            "s",
            "Time at which the Claude login ends, in seconds since 1970; no series when it is unknown."
        );
        meter.CreateObservableUpDownCounter(
            "relay.daily.limit",
            () => options.CurrentValue.GlobalDaily,
            "{request}",
            "Completions of all keys together in a UTC day: GLOBAL_DAILY."
        );
        meter.CreateObservableGauge(
            "relay.info",
            () =>
                Of(
                    1,
                    ("relay.version", Version),
                    ("claude.version", health.Status.ClaudeVersion ?? "none"),
                    ("relay.sandbox", health.Status.Sandbox)
                ),
            null,
            "1, with the running versions in its labels."
        );
    }

    private static Measurement<int> Of(int value, string name, string label) => Of(value, (name, label));

    private static Measurement<int> Of(int value, params (string Name, string Value)[] labels) =>
        new(value, labels.Select(label => new KeyValuePair<string, object?>(label.Name, label.Value)));

    private static Measurement<double> Of(AccountUse use) =>
        new(
            use.Used,
            new KeyValuePair<string, object?>("relay.upstream.limit", use.Kind),
            new KeyValuePair<string, object?>("relay.model.family", use.Family ?? "all")
        );

    private static IEnumerable<Measurement<long>> OfTime(DateTimeOffset? time) =>
        time is { } known ? [new Measurement<long>(known.ToUnixTimeSeconds())] : [];

    private static IEnumerable<Measurement<int>> OfPool(EngineLoad load) =>
        [Of(load.BlankSpares, "relay.process.origin", "blank"), Of(load.PreparedSpares, "relay.process.origin", "prepared")];

    private IEnumerable<Measurement<int>> OfQueues(Func<QueueLoad, int> what) =>
        Enum.GetValues<QuotaBucket>().Select(bucket => Of(what(_admission.LoadOf(bucket)), "relay.bucket", bucket.WireName()));
}
