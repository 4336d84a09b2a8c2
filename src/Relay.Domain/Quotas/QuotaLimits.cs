namespace Relay.Domain.Quotas;

/// <summary>The limits of one key in one bucket: the key's own ones, or the operator's where the key has none.</summary>
/// <param name="PerMinute">Requests in any sixty seconds.</param>
/// <param name="PerDay">Requests of the key a UTC day.</param>
/// <param name="GlobalPerDay">Requests of all keys together a UTC day.</param>
/// <param name="Concurrency">Requests of the key at once; more of them wait.</param>
/// <param name="UsdPerDay">US dollars of the key a UTC day; null for no such limit.</param>
/// <param name="Bucket">The bucket that they limit.</param>
public readonly record struct QuotaLimits(
    int PerMinute,
    int PerDay,
    int GlobalPerDay,
    int Concurrency,
    decimal? UsdPerDay,
    QuotaBucket Bucket = QuotaBucket.Completions
);
