using System.Runtime.InteropServices;

namespace Relay.Application.Dashboard;

/// <summary>The requests of the last hour, from memory: a restart forgets them.</summary>
/// <param name="Since">UTC; an hour ago, or the start of the relay.</param>
/// <param name="Minutes">The hour's minutes, oldest first; the last is the running one.</param>
/// <param name="Errors">The count of each error, most first; includes requests without a good key.</param>
/// <param name="Keys">The requests by the id of the key. At most a thousand keys a minute are told apart.</param>
/// <param name="Completion">
/// The time from a completion's head to the end of its answer, for completions that succeeded and were not answered from memory.
/// </param>
/// <param name="Queue">The time that completions and pages waited for a place.</param>
/// <param name="FirstToken">The time from the end of the queue to the model's first words.</param>
/// <param name="Page">The time from a fetch's head to the end of its answer, as for completions.</param>
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
/// <param name="Requests">Requests with a good key.</param>
/// <param name="Failed">The number of them that failed.</param>
/// <param name="Completion">The completions that succeeded; null for none.</param>
public sealed record MinuteActivity(long Requests, long Failed, LatencySummary? Completion);

/// <summary>The count of one error.</summary>
/// <param name="Code">The error's wire name.</param>
/// <param name="Count">The number of times that it was answered.</param>
public sealed record ErrorActivity(string Code, long Count);

/// <summary>The requests of one key.</summary>
/// <param name="Requests">All its requests.</param>
/// <param name="Failed">The number of them that failed.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KeyActivity(long Requests, long Failed);

/// <summary>The distribution of a duration, to 4.5 %.</summary>
/// <param name="Count">The number of durations.</param>
/// <param name="P50">Half of them took no longer.</param>
/// <param name="P95">95 of 100 took no longer.</param>
/// <param name="P99">99 of 100 took no longer.</param>
public sealed record LatencySummary(long Count, TimeSpan P50, TimeSpan P95, TimeSpan P99);
