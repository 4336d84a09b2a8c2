using System.Runtime.InteropServices;

namespace Relay.Application.Dashboard;

/// <summary>What came in during the last hour, from memory: a restart forgets it.</summary>
/// <param name="Since">UTC; an hour ago, or when the relay was started.</param>
/// <param name="Minutes">The hour's minutes, oldest first; the last is the running one.</param>
/// <param name="Errors">How often each error was answered, most first; those of requests without a good key, too.</param>
/// <param name="Keys">By the id of the key. At most a thousand keys a minute are told apart.</param>
/// <param name="Completion">
/// From a completion's head to the end of its answer; of those that succeeded and were not answered from memory.
/// </param>
/// <param name="Queue">How long completions and pages waited for a place.</param>
/// <param name="FirstToken">From the end of the queue to the model's first words.</param>
/// <param name="Page">From a fetch's head to the end of its answer, as for completions.</param>
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

/// <summary>One minute of it.</summary>
/// <param name="Requests">Requests with a good key.</param>
/// <param name="Failed">Those of them that failed.</param>
/// <param name="Completion">The completions that succeeded; null when none did.</param>
public sealed record MinuteActivity(long Requests, long Failed, LatencySummary? Completion);

/// <summary>How often one error was answered.</summary>
/// <param name="Code">The error's wire name.</param>
/// <param name="Count">How often.</param>
public sealed record ErrorActivity(string Code, long Count);

/// <summary>What one key asked.</summary>
/// <param name="Requests">All its requests.</param>
/// <param name="Failed">Those of them that failed.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct KeyActivity(long Requests, long Failed);

/// <summary>How long something took, to 4.5 %.</summary>
/// <param name="Count">How many there were.</param>
/// <param name="P50">Half of them took no longer.</param>
/// <param name="P95">95 of 100 took no longer.</param>
/// <param name="P99">99 of 100 took no longer.</param>
public sealed record LatencySummary(long Count, TimeSpan P50, TimeSpan P95, TimeSpan P99);
