using Relay.Api.Http;
using Relay.Application.Dashboard;
using Relay.Application.Quotas;
using Relay.Domain.Quotas;

namespace Relay.Api.Dashboard;

/// <summary>The answer of <c>GET /dashboard/snapshot</c>. Times are UTC.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="At">When it was taken.</param>
/// <param name="State">Whether a completion can succeed now, and what it runs on.</param>
/// <param name="Completions">The queue of completions.</param>
/// <param name="Pages">The queue of pages.</param>
/// <param name="Pool">The processes that completions run in.</param>
/// <param name="Today">What all keys together used of the UTC day.</param>
/// <param name="AccountLimits">Limits of the Claude account itself that are in force.</param>
/// <param name="AccountUses">How much of the Claude account's own limits is used, by the API's latest answers; the fullest first.</param>
/// <param name="Recent">The last hour.</param>
/// <param name="Keys">The keys that are not revoked, in the order they were made.</param>
internal sealed record SnapshotAnswer(
    bool Ok, DateTimeOffset At, StateContract State, QueueContract Completions, QueueContract Pages, PoolContract Pool, TodayContract Today,
    IEnumerable<AccountLimitContract> AccountLimits, IEnumerable<AccountUseContract> AccountUses, RecentContract Recent, IEnumerable<KeyStateContract> Keys)
{
    private static readonly string? Version = typeof(SnapshotAnswer).Assembly.GetName().Version?.ToString(3);

    /// <summary>Maps it.</summary>
    public static SnapshotAnswer From(DashboardSnapshot snapshot)
    {
        var (engine, load, today) = (snapshot.Readiness.Engine, snapshot.Engine, snapshot.Today);
        return new SnapshotAnswer(
            Ok: true,
            snapshot.At,
            new StateContract(
                snapshot.Readiness.IsReady, Version, engine.ClaudeVersion, engine.Sandbox, engine.SandboxNote, engine.LockdownVerified,
                snapshot.Readiness.Problems.Select(problem => new ErrorDetail(problem.WireName, problem.Message, problem.Field))),
            QueueContract.From(snapshot.Completions),
            QueueContract.From(snapshot.Fetches),
            new PoolContract(load.Processes, load.BlankSpares, load.PreparedSpares, load.OldestSpare?.TotalSeconds, load.PoolHits, load.PoolMisses),
            new TodayContract(new MeterContract(today.Requests, today.RequestLimit), today.Pages, today.CostUsd),
            snapshot.AccountLimits.Select(limit => new AccountLimitContract(limit.Kind, limit.Family, limit.Until)),
            snapshot.AccountUses.Select(use => new AccountUseContract(use.Kind, use.Family, Math.Round(use.Used, 4), use.ResetsAt)),
            RecentContract.From(snapshot.Recent),
            snapshot.Keys.Select(standing => KeyStateContract.From(standing, snapshot.At)));
    }
}

/// <summary>As in <c>GET /health/ready</c>.</summary>
internal sealed record StateContract(
    bool Ready, string? Version, string? ClaudeVersion, string Sandbox, string? SandboxNote, bool LockdownVerified, IEnumerable<ErrorDetail> Problems);

/// <param name="Places">Requests that may run at once.</param>
/// <param name="Running">Requests that run now.</param>
/// <param name="Waiting">Requests that wait for a place now.</param>
internal sealed record QueueContract(int Places, int Running, int Waiting)
{
    /// <summary>Maps it.</summary>
    public static QueueContract From(QueueLoad load) => new(load.Places, load.Running, load.Waiting);
}

/// <param name="Processes">All that live.</param>
/// <param name="BlankSpares">Parked, and good for any key.</param>
/// <param name="PreparedSpares">Parked, with what one key repeats.</param>
/// <param name="OldestSpareSeconds">How long the oldest of both has been parked.</param>
/// <param name="Hits">Completions that found a spare, since the start.</param>
/// <param name="Misses">Completions that had to start a process, since the start.</param>
internal sealed record PoolContract(int Processes, int BlankSpares, int PreparedSpares, double? OldestSpareSeconds, long Hits, long Misses);

/// <summary>Some of a limit.</summary>
/// <param name="Used">What is used up.</param>
/// <param name="Limit">All of it.</param>
internal sealed record MeterContract(long Used, long Limit)
{
    /// <summary>How a key stands with one of its limits.</summary>
    public static MeterContract From(IReadOnlyList<QuotaStatus> statuses, string policy)
    {
        var status = statuses.FirstOrDefault(one => one.Policy == policy);
        return new MeterContract(status.Limit - status.Remaining, status.Limit);
    }
}

/// <summary>The same of money.</summary>
/// <param name="Used">US dollars, by list price; what runs counts with its reserved cost.</param>
/// <param name="Limit">Missing for no such limit.</param>
internal sealed record MoneyContract(decimal Used, decimal? Limit);

/// <param name="Requests">Completions of all keys.</param>
/// <param name="Pages">Pages that were fetched, or refused.</param>
/// <param name="CostUsd">By list price.</param>
internal sealed record TodayContract(MeterContract Requests, long Pages, decimal CostUsd);

/// <param name="Kind">In Anthropic's words.</param>
/// <param name="Family">The models that it covers; missing for all.</param>
/// <param name="Until">When the relay tries again.</param>
internal sealed record AccountLimitContract(string? Kind, string? Family, DateTimeOffset Until);

/// <param name="Kind">The limit in Anthropic's words: <c>five_hour</c>, <c>requests</c>, …</param>
/// <param name="Family">The models that it counts; missing for all.</param>
/// <param name="Used">0 for nothing, 1 for all of it.</param>
/// <param name="ResetsAt">When it is reset; missing where the API named no time.</param>
internal sealed record AccountUseContract(string Kind, string? Family, double Used, DateTimeOffset? ResetsAt);

/// <summary>The last hour, from memory: a restart forgets it.</summary>
/// <param name="Since">An hour ago, or when the relay was started.</param>
/// <param name="Minutes">The hour's minutes, oldest first; the last is the running one.</param>
/// <param name="Errors">How often each error was answered, most first.</param>
/// <param name="Latencies">How long things took, to 4.5 %; those of which there were none are missing.</param>
internal sealed record RecentContract(DateTimeOffset Since, IEnumerable<MinuteContract> Minutes, IEnumerable<ErrorCountContract> Errors, LatenciesContract Latencies)
{
    /// <summary>Maps it.</summary>
    public static RecentContract From(RecentActivity recent) => new(
        recent.Since,
        recent.Minutes.Select(minute => new MinuteContract(minute.Requests, minute.Failed, LatencyContract.From(minute.Completion)?.P95Ms)),
        recent.Errors.Select(error => new ErrorCountContract(error.Code, error.Count)),
        new LatenciesContract(LatencyContract.From(recent.Completion), LatencyContract.From(recent.Queue), LatencyContract.From(recent.FirstToken), LatencyContract.From(recent.Page)));
}

/// <param name="Code">The error's wire name.</param>
/// <param name="Count">How often it was answered.</param>
internal sealed record ErrorCountContract(string Code, long Count);

/// <param name="Requests">Requests with a good key.</param>
/// <param name="Failed">Those of them that failed.</param>
/// <param name="P95Ms">Of completions that succeeded; missing when none did.</param>
internal sealed record MinuteContract(long Requests, long Failed, double? P95Ms);

/// <param name="Completion">From a completion's head to the end of its answer.</param>
/// <param name="Queue">The wait for a place.</param>
/// <param name="FirstToken">From the end of the queue to the first words.</param>
/// <param name="Page">From a fetch's head to the end of its answer.</param>
internal sealed record LatenciesContract(LatencyContract? Completion, LatencyContract? Queue, LatencyContract? FirstToken, LatencyContract? Page);

/// <summary>Percentiles, in milliseconds.</summary>
internal sealed record LatencyContract(long Count, double P50Ms, double P95Ms, double P99Ms)
{
    /// <summary>Maps it; null for null.</summary>
    public static LatencyContract? From(LatencySummary? summary) =>
        summary is null ? null : new LatencyContract(summary.Count, Milliseconds(summary.P50), Milliseconds(summary.P95), Milliseconds(summary.P99));

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 2);
}

/// <summary>A key, what it has running, and what is left of its limits.</summary>
/// <param name="Key">The key.</param>
/// <param name="Running">Completions that run now.</param>
/// <param name="Waiting">Completions that wait for a place now.</param>
/// <param name="PagesRunning">Pages that are fetched now.</param>
/// <param name="PagesWaiting">Pages that wait for a place now.</param>
/// <param name="HourRequests">All its requests of the last hour.</param>
/// <param name="HourFailed">Those of them that failed.</param>
/// <param name="Minute">Completions of the last sixty seconds.</param>
/// <param name="Day">Completions of the UTC day.</param>
/// <param name="Usd">Money of the UTC day.</param>
/// <param name="Concurrency">Completions at once.</param>
/// <param name="PageMinute">Pages of the last sixty seconds.</param>
/// <param name="PageDay">Pages of the UTC day.</param>
internal sealed record KeyStateContract(
    KeyContract Key, int Running, int Waiting, int PagesRunning, int PagesWaiting, long HourRequests, long HourFailed,
    MeterContract Minute, MeterContract Day, MoneyContract Usd, MeterContract Concurrency, MeterContract PageMinute, MeterContract PageDay)
{
    /// <summary>Maps it.</summary>
    public static KeyStateContract From(KeyStanding standing, DateTimeOffset now) => new(
        KeyContract.From(standing.Listed.Key, standing.Listed.LastUsedAt, now),
        standing.Completions.Running,
        standing.Completions.Waiting,
        standing.Fetches.Running,
        standing.Fetches.Waiting,
        standing.Recent.Requests,
        standing.Recent.Failed,
        MeterContract.From(standing.Statuses, "minute"),
        MeterContract.From(standing.Statuses, "day"),
        new MoneyContract(standing.CostToday, standing.Limits.UsdPerDay),
        MeterContract.From(standing.Statuses, "concurrency"),
        MeterContract.From(standing.Statuses, "fetch-minute"),
        MeterContract.From(standing.Statuses, "fetch-day"));
}

/// <summary>The answer of <c>GET /dashboard/usage?days=7</c>.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Days">One for each UTC day, oldest first.</param>
/// <param name="Keys">By key, the dearest first.</param>
/// <param name="Models">By model, the dearest first; of completions only.</param>
internal sealed record UsageSumsAnswer(bool Ok, IEnumerable<UsageSumContract> Days, IEnumerable<UsageSumContract> Keys, IEnumerable<UsageSumContract> Models)
{
    /// <summary>Maps them.</summary>
    public static UsageSumsAnswer From(UsageSums sums) =>
        new(Ok: true, sums.ByDay.Select(UsageSumContract.From), sums.ByKey.Select(UsageSumContract.From), sums.ByModel.Select(UsageSumContract.From));
}

/// <param name="Name">The day, the key's label or the model.</param>
/// <param name="Requests">Completions.</param>
/// <param name="Pages">Pages.</param>
/// <param name="InputTokens">Tokens that were read, those from and for the cache among them.</param>
/// <param name="OutputTokens">Tokens that were written.</param>
/// <param name="CostUsd">By list price.</param>
internal sealed record UsageSumContract(string Name, long Requests, long Pages, long InputTokens, long OutputTokens, decimal CostUsd)
{
    /// <summary>Maps it.</summary>
    public static UsageSumContract From(UsageSum sum) => new(
        sum.Name,
        sum.Requests,
        sum.Pages,
        sum.Usage.InputTokens + sum.Usage.CacheCreationInputTokens + sum.Usage.CacheReadInputTokens,
        sum.Usage.OutputTokens,
        sum.Usage.CostUsd ?? 0);
}
