using System.ComponentModel.DataAnnotations;
using Relay.Domain.Keys;

namespace Relay.Application.Contracts;

/// <summary>Limits of a key. A missing limit is the operator's default.</summary>
/// <param name="Rpm">Completions in any sixty seconds.</param>
/// <param name="Daily">Completions per UTC day.</param>
/// <param name="Concurrency">Completions at once.</param>
/// <param name="UsdPerDay">US dollars per UTC day, by list price. When missing: no such limit.</param>
[RequestContract]
public sealed record KeyLimitsContract(
    [property: Range(1, KeyLimits.MaxRequests)] int? Rpm,
    [property: Range(1, KeyLimits.MaxRequests)] int? Daily,
    [property: Range(1, KeyLimits.MaxConcurrency)] int? Concurrency,
    [property: Keywords("""{"exclusiveMinimum":0,"maximum":1000000}""")] decimal? UsdPerDay
)
{
    /// <summary>The wire form of some limits.</summary>
    public static KeyLimitsContract From(KeyLimits limits) =>
        new(limits.RequestsPerMinute, limits.RequestsPerDay, limits.Concurrency, limits.UsdPerDay);

    /// <summary>The limits, which may be out of range: <see cref="KeyLimits.Problem"/> tells.</summary>
    public KeyLimits ToLimits() => new(Rpm, Daily, Concurrency, UsdPerDay);
}
