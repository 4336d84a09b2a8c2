namespace Relay.Domain.Quotas;

/// <summary>The standing of a key with one of its limits.</summary>
/// <param name="Policy">
/// The limit's name: <c>minute</c>, <c>day</c>, <c>usd-day</c>, <c>global-day</c> or <c>concurrency</c>; for pages <c>fetch-minute</c>,
/// <c>fetch-day</c> or <c>fetch-concurrency</c>.
/// </param>
/// <param name="Limit">The whole limit, in requests; in US cents, rounded down, for <c>usd-day</c>.</param>
/// <param name="Remaining">The unused part of the limit.</param>
/// <param name="Window">The time that the limit covers; null for <c>concurrency</c>.</param>
/// <param name="Reset">The time until more is available; null for <c>concurrency</c>.</param>
public readonly record struct QuotaStatus(string Policy, long Limit, long Remaining, TimeSpan? Window, TimeSpan? Reset);

/// <summary>An amount that was taken from a key's limits, to be settled or given back.</summary>
/// <param name="KeyId">The id of the key.</param>
/// <param name="Day">The UTC day that it counts for, also when it is settled after midnight.</param>
/// <param name="Second">The second of uptime that it counts for.</param>
/// <param name="ReservedUsd">The possible cost, reserved until the charge is settled.</param>
/// <param name="Bucket">The bucket that it was taken from.</param>
/// <param name="Id">Unique in the fleet, so that settling it twice counts once; null where one process does all the counting.</param>
/// <param name="IsWaiting">
/// Whether all places of the key in the fleet were taken: the request may run only after it has been given one.
/// </param>
public sealed record QuotaCharge(
    string KeyId,
    DateOnly Day,
    long Second,
    decimal ReservedUsd,
    QuotaBucket Bucket = QuotaBucket.Completions,
    string? Id = null,
    bool IsWaiting = false
);

/// <summary>The decision whether a request may spend, and its key's standing after that.</summary>
/// <param name="Charge">The amount that was taken; null for a refusal, and for a look that takes nothing.</param>
/// <param name="Refusal">The reason for a refusal; null when admitted.</param>
/// <param name="Statuses">The key's limits, as of this decision.</param>
/// <param name="Running">Requests of the key that run in the whole fleet; null for a relay without a fleet.</param>
public sealed record QuotaDecision(QuotaCharge? Charge, RelayError? Refusal, IReadOnlyList<QuotaStatus> Statuses, int? Running = null);
