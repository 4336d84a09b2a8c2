namespace Relay.Domain.Quotas;

/// <summary>How a key stands with one of its limits.</summary>
/// <param name="Policy">
/// The limit's name: <c>minute</c>, <c>day</c>, <c>usd-day</c>, <c>global-day</c> or <c>concurrency</c>; for pages <c>fetch-minute</c>,
/// <c>fetch-day</c> or <c>fetch-concurrency</c>.
/// </param>
/// <param name="Limit">All of it, in requests; in US cents, rounded down, for <c>usd-day</c>.</param>
/// <param name="Remaining">What is left of it.</param>
/// <param name="Window">The time it counts; null for <c>concurrency</c>.</param>
/// <param name="Reset">When there will be more of it; null for <c>concurrency</c>.</param>
public readonly record struct QuotaStatus(string Policy, long Limit, long Remaining, TimeSpan? Window, TimeSpan? Reset);

/// <summary>What was taken from a key's limits, to be settled or given back.</summary>
/// <param name="KeyId">Whose.</param>
/// <param name="Day">The UTC day it counts for, also when it is settled after midnight.</param>
/// <param name="Second">The second of uptime it counts for.</param>
/// <param name="ReservedUsd">What it may cost.</param>
/// <param name="Bucket">From what it was taken.</param>
/// <param name="Id">Unique in the fleet, so that to settle it twice counts once; null where one process does all the counting.</param>
/// <param name="IsWaiting">Whether the key's places in the fleet were all taken: it may run only once it has been given one.</param>
public sealed record QuotaCharge(
    string KeyId,
    DateOnly Day,
    long Second,
    decimal ReservedUsd,
    QuotaBucket Bucket = QuotaBucket.Completions,
    string? Id = null,
    bool IsWaiting = false
);

/// <summary>Whether a request may spend, and how its key stands after that decision.</summary>
/// <param name="Charge">What was taken; null when refused, and when nobody asked to take anything.</param>
/// <param name="Refusal">Why not; null when admitted.</param>
/// <param name="Statuses">The key's limits, as of this decision.</param>
/// <param name="Running">Requests of the key that run in the whole fleet; null where this relay is all there is.</param>
public sealed record QuotaDecision(QuotaCharge? Charge, RelayError? Refusal, IReadOnlyList<QuotaStatus> Statuses, int? Running = null);
