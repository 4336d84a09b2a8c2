namespace Relay.Domain.Quotas;

/// <summary>
/// A key's standing with its limits at one moment, in numbers. Every store keeps the numbers in its own way. A refusal, and the status of
/// each limit, are derived from them here only.
/// </summary>
/// <param name="Requests">Of the key, this day and the one after it: a clock that was set back gives nothing back.</param>
/// <param name="Total">Of all keys, this day.</param>
/// <param name="CostUsd">Of the key's settled requests, this day.</param>
/// <param name="ReservedUsd">The possible cost of its running requests.</param>
/// <param name="InMinute">Requests in the window of the last minute.</param>
/// <param name="UntilBelow">The time until that window holds fewer requests than the limit; zero when it does now.</param>
/// <param name="UntilOneLess">The time until that window holds one request less than now.</param>
/// <param name="UntilTomorrow">The time to the end of the day, or of the next day where that one is full by itself.</param>
public readonly record struct QuotaStanding(
    long Requests,
    long Total,
    decimal CostUsd,
    decimal ReservedUsd,
    int InMinute,
    TimeSpan UntilBelow,
    TimeSpan UntilOneLess,
    TimeSpan UntilTomorrow
)
{
    private static readonly TimeSpan OneDay = TimeSpan.FromDays(1);

    /// <summary>The likely time until a running request has settled its reserved cost.</summary>
    private static readonly TimeSpan SettlesSoon = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The refusal that one more request would get; null for none. Of two limits that refuse, the one with the longer wait is told.
    /// </summary>
    /// <param name="limits">The key's limits.</param>
    /// <param name="reserveUsd">The possible cost of that request.</param>
    public RelayError? FindRefusal(in QuotaLimits limits, decimal reserveUsd)
    {
        var refusal =
            Requests >= limits.PerDay
                ? new RelayError(
                    ErrorCode.DailyLimit,
                    $"This key has used its {limits.PerDay} {Noun(limits)} of the day (UTC).",
                    RetryAfter: UntilTomorrow
                )
            : limits.UsdPerDay is { } usd && CostUsd >= usd
                ? new RelayError(
                    ErrorCode.DailyLimit,
                    $"This key has used its {usd:0.##} US dollars of the day (UTC).",
                    RetryAfter: UntilTomorrow
                )
            : Total >= limits.GlobalPerDay
                ? new RelayError(
                    ErrorCode.GlobalDailyLimit,
                    "The relay has used all its requests of the day (UTC).",
                    RetryAfter: UntilTomorrow
                )
            : null;
        if (UntilBelow > (refusal?.RetryAfter ?? TimeSpan.Zero))
        {
            return new RelayError(
                ErrorCode.RateLimited,
                $"This key has {limits.PerMinute} {Noun(limits)} a minute.",
                RetryAfter: UntilBelow
            );
        }

        return refusal is null && limits.UsdPerDay is { } budget && ReservedUsd > 0 && CostUsd + ReservedUsd + reserveUsd > budget
            ? new RelayError(
                ErrorCode.RateLimited,
                $"This key's running requests may use up its {budget:0.##} US dollars of the day. Try again when they have ended.",
                RetryAfter: SettlesSoon
            )
            : refusal;
    }

    /// <summary>The status of each limit: its size, its unused part, and the time until there is more.</summary>
    public QuotaStatus[] Statuses(in QuotaLimits limits, RelayError? refusal)
    {
        var statuses = new QuotaStatus[2 + (limits.UsdPerDay is null ? 0 : 1) + (refusal?.Code == ErrorCode.GlobalDailyLimit ? 1 : 0)];
        statuses[0] = new QuotaStatus(
            NameOf("minute", limits),
            limits.PerMinute,
            Math.Max(0, limits.PerMinute - InMinute),
            MinuteWindow.Length,
            InMinute >= limits.PerMinute ? UntilBelow : UntilOneLess
        );
        statuses[1] = new QuotaStatus(NameOf("day", limits), limits.PerDay, Math.Max(0, limits.PerDay - Requests), OneDay, UntilTomorrow);
        if (limits.UsdPerDay is { } usd)
        {
            var left = Math.Max(0, usd - CostUsd - ReservedUsd);
            statuses[2] = new QuotaStatus("usd-day", (long)(usd * 100), (long)(left * 100), OneDay, UntilTomorrow);
        }

        if (refusal?.Code == ErrorCode.GlobalDailyLimit)
        {
            // Only when this limit refuses: the use of other keys is not the caller's business.
            statuses[^1] = new QuotaStatus("global-day", limits.GlobalPerDay, 0, OneDay, UntilTomorrow);
        }

        return statuses;
    }

    /// <summary>A limit's name, so that those of two buckets can stand beside each other.</summary>
    public static string NameOf(string limit, in QuotaLimits limits) => limits.Bucket == QuotaBucket.Completions ? limit : $"fetch-{limit}";

    private static string Noun(in QuotaLimits limits) => limits.Bucket == QuotaBucket.Completions ? "requests" : "pages";
}
