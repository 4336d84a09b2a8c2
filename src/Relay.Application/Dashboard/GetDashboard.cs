using MediatR;
using Microsoft.Extensions.Options;
using Relay.Application.Health;
using Relay.Application.Keys;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Application.Dashboard;

/// <summary>Takes a snapshot of the relay's state and of its use.</summary>
public sealed record GetDashboardQuery : IRequest<Result<DashboardSnapshot>>;

/// <summary>The relay's state and use at one time (UTC). The account's uses come fullest first, the keys oldest first.</summary>
public sealed record DashboardSnapshot(
    DateTimeOffset At,
    Readiness Readiness,
    EngineLoad Engine,
    QueueLoad Completions,
    QueueLoad Fetches,
    DayUse Today,
    IReadOnlyList<AccountLimit> AccountLimits,
    IReadOnlyList<AccountUse> AccountUses,
    RecentActivity Recent,
    IReadOnlyList<KeyStanding> Keys
);

/// <summary>
/// The usage of all keys on one UTC day, including keys that were revoked since. Running requests count with their reserved cost.
/// </summary>
public sealed record DayUse(long Requests, long RequestLimit, long Pages, decimal CostUsd);

/// <summary>
/// One key with its running requests, its usage, and the status of its limits. Running requests count with their reserved cost.
/// </summary>
public sealed record KeyStanding(
    ListedKey Listed,
    KeyLoad Completions,
    KeyLoad Fetches,
    KeyActivity Recent,
    QuotaLimits Limits,
    IReadOnlyList<QuotaStatus> Statuses,
    decimal CostToday
);

internal sealed class GetDashboardHandler(
    ReadinessProbe readiness,
    KeyLister lister,
    IAdmission admission,
    UpstreamLimits upstream,
    AccountMeter account,
    IEngineLoad engine,
    IUsageReader usage,
    RecentRequests recent,
    IOptionsMonitor<QuotaOptions> options,
    TimeProvider clock
) : IRequestHandler<GetDashboardQuery, Result<DashboardSnapshot>>
{
    /// <summary>The number of keys whose standing is asked at once. Each may take a round trip.</summary>
    private const int PeekedAtOnce = 100;

    public async Task<Result<DashboardSnapshot>> Handle(GetDashboardQuery query, CancellationToken cancellationToken)
    {
        if (!(await lister.ListAsync(withRevoked: false, cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        var now = clock.GetUtcNow();
        var today = await usage.ReadAsync(keyId: null, DateOnly.FromDateTime(now.UtcDateTime), cancellationToken);
        var total = UsageTotal.Of("today", today);
        var activity = recent.Summarize();
        var (completions, fetches) = (LoadByKey(QuotaBucket.Completions), LoadByKey(QuotaBucket.Fetches));
        var costs = today
            .GroupBy(row => row.KeyId, StringComparer.Ordinal)
            .ToDictionary(rows => rows.Key, rows => rows.Sum(row => row.Usage.CostUsd ?? 0), StringComparer.Ordinal);
        var standings = new List<KeyStanding>(keys.Count);
        foreach (var some in keys.Chunk(PeekedAtOnce))
        {
            standings.AddRange(await Task.WhenAll(some.Select(StandingOfAsync)));
        }

        return new DashboardSnapshot(
            now,
            readiness.Read(),
            engine.Load,
            admission.LoadOf(QuotaBucket.Completions),
            admission.LoadOf(QuotaBucket.Fetches),
            new DayUse(total.Requests, options.CurrentValue.GlobalDaily, total.Pages, total.Usage.CostUsd ?? 0),
            upstream.InForce,
            account.Known,
            activity,
            standings
        );

        async Task<KeyStanding> StandingOfAsync(ListedKey listed)
        {
            var key = listed.Key;
            var ofCompletions = admission.PeekAsync(key, QuotaBucket.Completions, cancellationToken).AsTask();
            var ofFetches = await admission.PeekAsync(key, QuotaBucket.Fetches, cancellationToken);
            return new KeyStanding(
                listed,
                completions.GetValueOrDefault(key.Id) ?? new KeyLoad(key.Id, 0, 0),
                fetches.GetValueOrDefault(key.Id) ?? new KeyLoad(key.Id, 0, 0),
                activity.Keys.GetValueOrDefault(key.Id),
                admission.LimitsOf(key, QuotaBucket.Completions),
                [.. (await ofCompletions).Statuses, .. ofFetches.Statuses],
                costs.GetValueOrDefault(key.Id)
            );
        }
    }

    private Dictionary<string, KeyLoad> LoadByKey(QuotaBucket bucket) =>
        admission.LoadByKey(bucket).ToDictionary(load => load.KeyId, StringComparer.Ordinal);
}
