using System.Runtime.InteropServices;

namespace Relay.Application.Dashboard;

/// <summary>
/// The requests of the last hour, from memory: a restart forgets them. Errors include requests without a good key. At most a thousand keys
/// a minute are told apart. The times of completions and pages are of those that succeeded and were not answered from memory.
/// </summary>
public sealed record RecentActivity(
    DateTimeOffset Since,
    IReadOnlyList<MinuteActivity> Minutes,
    IReadOnlyList<ErrorActivity> Errors,
    IReadOnlyDictionary<string, KeyActivity> Keys,
    LatencySummary? Completion,
    LatencySummary? Queue,
    LatencySummary? FirstToken,
    LatencySummary? Page
);

/// <summary>One minute of the hour.</summary>
public sealed record MinuteActivity(long Requests, long Failed, LatencySummary? Completion);

/// <summary>The count of one error.</summary>
public sealed record ErrorActivity(string Code, long Count);

/// <summary>The requests of one key.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KeyActivity(long Requests, long Failed);

/// <summary>The distribution of a duration, to 4.5 %.</summary>
public sealed record LatencySummary(long Count, TimeSpan P50, TimeSpan P95, TimeSpan P99);
