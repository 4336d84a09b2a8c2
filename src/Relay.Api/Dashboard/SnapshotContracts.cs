using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;
using Relay.Application.Dashboard;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain.Quotas;

namespace Relay.Api.Dashboard;

/// <summary>The relay, now. Times are UTC.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="At">Time of the snapshot.</param>
/// <param name="State">Whether a completion can succeed now, as in <c>GET /health/ready</c>.</param>
/// <param name="Completions">The queue of completions.</param>
/// <param name="Pages">The queue of pages.</param>
/// <param name="Pool">The processes that completions run in.</param>
/// <param name="Today">Usage of all keys on this UTC day.</param>
/// <param name="AccountLimits">Limits of the Claude account itself that are in force.</param>
/// <param name="AccountUses">Usage of the limits of the Claude account, as the API last reported it, fullest first.</param>
/// <param name="Recent">The last hour, from memory. A restart forgets it.</param>
/// <param name="Keys">The keys that are not revoked, in the order they were made.</param>
internal sealed record SnapshotAnswer(
    [property: Values(true)] bool Ok,
    DateTimeOffset At,
    StateContract State,
    QueueContract Completions,
    QueueContract Pages,
    PoolContract Pool,
    TodayContract Today,
    IEnumerable<AccountLimitContract> AccountLimits,
    IEnumerable<AccountUseContract> AccountUses,
    RecentContract Recent,
    IEnumerable<KeyStateContract> Keys
)
{
    private static readonly string? Version = typeof(SnapshotAnswer).Assembly.GetName().Version?.ToString(3);

    public static SnapshotAnswer From(DashboardSnapshot snapshot)
    {
        var (engine, load, today) = (snapshot.Readiness.Engine, snapshot.Engine, snapshot.Today);
        return new SnapshotAnswer(
            Ok: true,
            snapshot.At,
            new StateContract(
                snapshot.Readiness.IsReady,
                Version,
                engine.ClaudeVersion,
                engine.Sandbox,
                engine.SandboxNote,
                engine.LockdownVerified,
                snapshot.Readiness.Problems.Select(problem => new ErrorDetail(problem.WireName, problem.Message, problem.Field))
            ),
            QueueContract.From(snapshot.Completions),
            QueueContract.From(snapshot.Fetches),
            new PoolContract(
                load.Processes,
                load.BlankSpares,
                load.PreparedSpares,
                load.OldestSpare?.TotalSeconds,
                load.PoolHits,
                load.PoolMisses
            ),
            new TodayContract(new MeterContract(today.Requests, today.RequestLimit), today.Pages, today.CostUsd),
            snapshot.AccountLimits.Select(limit => new AccountLimitContract(limit.Kind, limit.Family, limit.Until)),
            snapshot.AccountUses.Select(use => new AccountUseContract(use.Kind, use.Family, Math.Round(use.Used, 4), use.ResetsAt)),
            RecentContract.From(snapshot.Recent),
            snapshot.Keys.Select(standing => KeyStateContract.From(standing, snapshot.At))
        );
    }
}

/// <summary>Whether a completion can succeed now, as in <c>GET /health/ready</c>.</summary>
/// <param name="Ready">Whether no known problem prevents a completion.</param>
/// <param name="Version">The version of the relay.</param>
/// <param name="ClaudeVersion">The Claude Code in use. Absent when no Claude Code is installed.</param>
/// <param name="Sandbox">Whether completions run in a jail.</param>
/// <param name="SandboxNote">Why there is no jail.</param>
/// <param name="LockdownVerified">Whether the last self-test of the lockdown passed.</param>
/// <param name="Problems">Problems that prevent completions, each with advice.</param>
internal sealed record StateContract(
    bool Ready,
    string? Version,
    string? ClaudeVersion,
    [property: Values("bwrap", "off")] string Sandbox,
    string? SandboxNote,
    bool LockdownVerified,
    IEnumerable<ErrorDetail> Problems
);

/// <summary>A queue, now.</summary>
/// <param name="Places">Requests that may run at once.</param>
/// <param name="Running">Requests that run now.</param>
/// <param name="Waiting">Requests that wait for a place now.</param>
internal sealed record QueueContract(int Places, int Running, int Waiting)
{
    public static QueueContract From(QueueLoad load) => new(load.Places, load.Running, load.Waiting);
}

/// <summary>The processes that completions run in.</summary>
/// <param name="Processes">Processes that live.</param>
/// <param name="BlankSpares">Idle processes that can serve any key.</param>
/// <param name="PreparedSpares">Idle processes that have the beginning of one key's prompts.</param>
/// <param name="OldestSpareSeconds">Seconds that the oldest idle process has been idle. Absent when no process is idle.</param>
/// <param name="Hits">Completions that found an idle process, since the start.</param>
/// <param name="Misses">Completions that had to start a process, since the start.</param>
internal sealed record PoolContract(int Processes, int BlankSpares, int PreparedSpares, double? OldestSpareSeconds, long Hits, long Misses);

/// <summary>Usage of a limit.</summary>
/// <param name="Used">The part that is used up.</param>
/// <param name="Limit">The whole limit.</param>
internal sealed record MeterContract(long Used, long Limit)
{
    public static MeterContract From(IReadOnlyList<QuotaStatus> statuses, string policy)
    {
        var status = statuses.FirstOrDefault(one => one.Policy == policy);
        return new MeterContract(status.Limit - status.Remaining, status.Limit);
    }
}

/// <summary>Usage of a limit of money, on this UTC day.</summary>
/// <param name="Used">US dollars by list price. Running requests count with their reserved cost.</param>
/// <param name="Limit">The whole limit. Absent when there is no such limit.</param>
internal sealed record MoneyContract(decimal Used, decimal? Limit);

/// <summary>Usage of all keys on this UTC day.</summary>
/// <param name="Requests">Completions.</param>
/// <param name="Pages">Pages that were fetched or refused.</param>
/// <param name="CostUsd">US dollars by list price. Running requests count with their reserved cost.</param>
internal sealed record TodayContract(MeterContract Requests, long Pages, decimal CostUsd);

/// <summary>A limit of the Claude account that is in force.</summary>
/// <param name="Kind">The kind of the limit, in Anthropic's words. Absent when Anthropic did not say.</param>
/// <param name="Family">The models of the limit. Absent: all.</param>
/// <param name="Until">Time at which the relay tries again.</param>
internal sealed record AccountLimitContract(string? Kind, string? Family, DateTimeOffset Until);

/// <summary>Usage of a limit of the Claude account.</summary>
/// <param name="Kind">The limit in Anthropic's words: <c>five_hour</c>, <c>requests</c> and others.</param>
/// <param name="Family">The models of the limit. Absent: all.</param>
/// <param name="Used">The part that is used up: 0 for nothing, 1 for the whole limit.</param>
/// <param name="ResetsAt">Time at which the limit starts again. Absent where the API named no time.</param>
internal sealed record AccountUseContract(string Kind, string? Family, double Used, DateTimeOffset? ResetsAt);

/// <summary>The last hour, from memory. A restart forgets it.</summary>
/// <param name="Since">Begin of the hour, or start of the relay.</param>
/// <param name="Minutes">Minutes of the hour, oldest first. The last is the running minute.</param>
/// <param name="Errors">Errors, most frequent first.</param>
/// <param name="Latencies">Durations.</param>
internal sealed record RecentContract(
    DateTimeOffset Since,
    IEnumerable<MinuteContract> Minutes,
    IEnumerable<ErrorCountContract> Errors,
    LatenciesContract Latencies
)
{
    public static RecentContract From(RecentActivity recent) =>
        new(
            recent.Since,
            recent.Minutes.Select(minute => new MinuteContract(
                minute.Requests,
                minute.Failed,
                LatencyContract.From(minute.Completion)?.P95Ms
            )),
            recent.Errors.Select(error => new ErrorCountContract(error.Code, error.Count)),
            new LatenciesContract(
                LatencyContract.From(recent.Completion),
                LatencyContract.From(recent.Queue),
                LatencyContract.From(recent.FirstToken),
                LatencyContract.From(recent.Page)
            )
        );
}

/// <summary>Number of answers with one error.</summary>
/// <param name="Code">The code of the error.</param>
/// <param name="Count">Number of answers.</param>
internal sealed record ErrorCountContract([property: RegularExpression("^[a-z_]+$")] string Code, long Count);

/// <summary>One minute.</summary>
/// <param name="Requests">Requests with a good key.</param>
/// <param name="Failed">Failed requests of these.</param>
/// <param name="P95Ms">Milliseconds that 95 of 100 successful completions did not exceed. Absent when no completion succeeded.</param>
internal sealed record MinuteContract(long Requests, long Failed, double? P95Ms);

/// <summary>Durations of the last hour. Absent fields had no requests.</summary>
/// <param name="Completion">From the head of a completion's request to the end of its answer.</param>
/// <param name="Queue">The wait for a place.</param>
/// <param name="FirstToken">From the end of the wait to the first words.</param>
/// <param name="Page">From the head of a page's request to the end of its answer.</param>
internal sealed record LatenciesContract(
    LatencyContract? Completion,
    LatencyContract? Queue,
    LatencyContract? FirstToken,
    LatencyContract? Page
);

/// <summary>Durations, exact to 4.5 %.</summary>
/// <param name="Count">Number of durations.</param>
/// <param name="P50Ms">Milliseconds that half of them did not exceed.</param>
/// <param name="P95Ms">Milliseconds that 95 of 100 did not exceed.</param>
/// <param name="P99Ms">Milliseconds that 99 of 100 did not exceed.</param>
internal sealed record LatencyContract([property: Keywords("""{"minimum":1}""")] long Count, double P50Ms, double P95Ms, double P99Ms)
{
    public static LatencyContract? From(LatencySummary? summary) =>
        summary is null
            ? null
            : new LatencyContract(summary.Count, Milliseconds(summary.P50), Milliseconds(summary.P95), Milliseconds(summary.P99));

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 2);
}

/// <summary>A key, what it has running, and what is left of its limits.</summary>
/// <param name="Key">The key.</param>
/// <param name="Running">Completions that run now.</param>
/// <param name="Waiting">Completions that wait for a place now.</param>
/// <param name="PagesRunning">Pages that are fetched now.</param>
/// <param name="PagesWaiting">Pages that wait for a place now.</param>
/// <param name="HourRequests">All its requests of the last hour.</param>
/// <param name="HourFailed">The number of them that failed.</param>
/// <param name="Minute">Completions of the last sixty seconds.</param>
/// <param name="Day">Completions of the UTC day.</param>
/// <param name="Usd">Money of the UTC day.</param>
/// <param name="Concurrency">Completions at once.</param>
/// <param name="PageMinute">Pages of the last sixty seconds.</param>
/// <param name="PageDay">Pages of the UTC day.</param>
internal sealed record KeyStateContract(
    KeyContract Key,
    int Running,
    int Waiting,
    int PagesRunning,
    int PagesWaiting,
    long HourRequests,
    long HourFailed,
    MeterContract Minute,
    MeterContract Day,
    MoneyContract Usd,
    MeterContract Concurrency,
    MeterContract PageMinute,
    MeterContract PageDay
)
{
    public static KeyStateContract From(KeyStanding standing, DateTimeOffset now) =>
        new(
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
            MeterContract.From(standing.Statuses, "fetch-day")
        );
}

/// <summary>Usage of all keys.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Days">Usage of each UTC day, oldest first.</param>
/// <param name="Keys">Usage of each key, most expensive first.</param>
/// <param name="Models">Usage of each model, most expensive first. Completions only.</param>
internal sealed record UsageSumsAnswer(
    [property: Values(true)] bool Ok,
    IEnumerable<UsageSumContract> Days,
    IEnumerable<UsageSumContract> Keys,
    IEnumerable<UsageSumContract> Models
)
{
    public static UsageSumsAnswer From(UsageReport report) =>
        new(
            Ok: true,
            report.ByDay().Select(UsageSumContract.From),
            report.ByKey().Select(UsageSumContract.From),
            report.ByModel().Select(UsageSumContract.From)
        );
}

/// <summary>Usage of one day, key or model.</summary>
/// <param name="Name">The UTC day, the label of the key, or the model.</param>
/// <param name="Requests">Completions.</param>
/// <param name="Pages">Pages.</param>
/// <param name="InputTokens">Tokens read, including those from and for the cache.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CostUsd">US dollars by list price.</param>
internal sealed record UsageSumContract(string Name, long Requests, long Pages, long InputTokens, long OutputTokens, decimal CostUsd)
{
    public static UsageSumContract From(UsageTotal total) =>
        new(
            total.Name,
            total.Requests,
            total.Pages,
            total.Usage.InputTokens + total.Usage.CacheCreationInputTokens + total.Usage.CacheReadInputTokens,
            total.Usage.OutputTokens,
            total.Usage.CostUsd ?? 0
        );
}
