namespace Relay.Domain.Keys;

/// <summary>A key's own limits. For each that is null, the operator's default for all keys applies.</summary>
/// <param name="RequestsPerMinute">Completions in any sixty seconds.</param>
/// <param name="RequestsPerDay">Completions a UTC day.</param>
/// <param name="Concurrency">Completions at once.</param>
/// <param name="UsdPerDay">US dollars a UTC day, by Claude Code's own count; null for no such limit.</param>
public sealed record KeyLimits(
    int? RequestsPerMinute = null,
    int? RequestsPerDay = null,
    int? Concurrency = null,
    decimal? UsdPerDay = null
)
{
    /// <summary>Largest number of requests that can be set, a minute or a day.</summary>
    public const int MaxRequests = 10_000_000;

    /// <summary>Largest concurrency that can be set.</summary>
    public const int MaxConcurrency = 1000;

    /// <summary>Largest sum that can be set, in US dollars.</summary>
    public const decimal MaxUsd = 1_000_000;

    /// <summary>The operator's defaults alone.</summary>
    public static KeyLimits Default { get; } = new();

    /// <summary>The first limit that is out of range, as an error; null for none.</summary>
    public RelayError? Problem =>
        RequestsPerMinute is < 1 or > MaxRequests
            ? RelayError.Invalid("rpm", $"A limit per minute is a whole number from 1 to {MaxRequests}.")
        : RequestsPerDay is < 1 or > MaxRequests ? RelayError.Invalid("daily", $"A daily limit is a whole number from 1 to {MaxRequests}.")
        : Concurrency is < 1 or > MaxConcurrency
            ? RelayError.Invalid("concurrency", $"A concurrency is a whole number from 1 to {MaxConcurrency}.")
        : UsdPerDay is <= 0 or > MaxUsd ? RelayError.Invalid("usd_per_day", $"A limit in US dollars is more than 0 and at most {MaxUsd}.")
        : null;
}
