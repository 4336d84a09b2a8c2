using System.ComponentModel.DataAnnotations;
using System.Globalization;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Usage;

/// <summary>The usage of the key, and what is left of its limits.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Key">The label of the key.</param>
/// <param name="Days">Usage by day and model, without days of no usage. Running requests count with their reserved cost.</param>
/// <param name="Fetches">Pages that were fetched or refused, by day.</param>
/// <param name="Total">The sum of all days.</param>
/// <param name="Limits">The limits of the key, and what is left of each.</param>
internal sealed record UsageAnswer(
    [property: Values(true)] bool Ok,
    string Key,
    IEnumerable<UsageDay> Days,
    IEnumerable<FetchDay> Fetches,
    UsageSum Total,
    IEnumerable<UsageLimit> Limits
);

/// <summary>Usage of one model on one UTC day.</summary>
/// <param name="Day">The UTC day, as <c>2026-11-23</c>.</param>
/// <param name="Model">The model that the requests named.</param>
/// <param name="Requests">Completions that count.</param>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's prompt cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's prompt cache.</param>
/// <param name="CostUsd">US dollars by list price.</param>
internal sealed record UsageDay(
    [property: RegularExpression(Patterns.Day)] string Day,
    string Model,
    long Requests,
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    decimal CostUsd
);

/// <summary>Pages of one UTC day.</summary>
/// <param name="Day">The UTC day, as <c>2026-11-23</c>.</param>
/// <param name="Requests">Number of pages.</param>
internal sealed record FetchDay([property: RegularExpression(Patterns.Day)] string Day, long Requests);

/// <summary>The sum of some days.</summary>
/// <param name="Requests">Completions that count.</param>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's prompt cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's prompt cache.</param>
/// <param name="CostUsd">US dollars by list price.</param>
/// <param name="Fetches">Number of pages.</param>
internal sealed record UsageSum(
    long Requests,
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    decimal CostUsd,
    long Fetches
);

/// <summary>A limit of a key.</summary>
/// <param name="Name">The name in the <c>RateLimit</c> header. Here <c>usd-day</c> is in dollars.</param>
/// <param name="Limit">The whole limit.</param>
/// <param name="Remaining">The rest of it.</param>
/// <param name="ResetSeconds">Seconds until the rest grows. Absent for limits of requests at once.</param>
internal sealed record UsageLimit(
    [property: Values("minute", "day", "concurrency", "usd-day", "global-day", "fetch-minute", "fetch-day", "fetch-concurrency")]
        string Name,
    decimal Limit,
    decimal Remaining,
    long? ResetSeconds
);

[RequireScope(KeyScopes.Usage)]
[Speaks(ApiSurface.Native)]
[Tags("Usage")]
[Route("v1/usage")]
internal sealed class UsageController(IMediator mediator) : ControllerBase
{
    private const int DefaultDays = 7;

    /// <summary>Shows the usage of the key, and what is left of its limits</summary>
    /// <remarks>Usage is by UTC day and model. A key sees only its own usage.</remarks>
    [HttpGet(Name = "usage")]
    [Takes("days")]
    [Sends("Cache-Control.no-store")]
    [Fails(ErrorCode.InvalidRequest)]
    [Answers(200, "The usage.", typeof(UsageAnswer))]
    public async Task<IActionResult> GetAsync(CancellationToken cancellationToken)
    {
        if (!ParseDays().TryGet(out var days, out var error))
        {
            return error.ToActionResult();
        }

        var caller = HttpContext.Caller();
        var result = await mediator.Send(new GetUsageQuery(caller, days), cancellationToken);
        return result.TryGet(out var usage, out error)
            ? this.NoStoreJson(
                new UsageAnswer(
                    Ok: true,
                    caller.Label.Value,
                    usage.Rows.Where(row => row.Model is not null).Select(ToDay),
                    usage.Rows.Where(row => row.Model is null).Select(ToFetchDay),
                    ToSum(UsageTotal.Of(caller.Label.Value, usage.Rows)),
                    usage.Statuses.Select(status => ToLimit(status, usage.Limits))
                )
            )
            : error.ToActionResult();
    }

    private Result<int> ParseDays() =>
        Request.Query["days"] switch
        {
            { Count: 0 } => DefaultDays,
            { Count: 1 } given when int.TryParse(given[0], NumberStyles.None, CultureInfo.InvariantCulture, out var days) => days,
            _ => RelayError.Invalid("days", GetUsageQuery.DaysProblem),
        };

    private static UsageDay ToDay(UsageRow row) =>
        new(
            Format(row.Day),
            row.Model!,
            row.Requests,
            row.Usage.InputTokens,
            row.Usage.OutputTokens,
            row.Usage.CacheCreationInputTokens,
            row.Usage.CacheReadInputTokens,
            CostOf(row.Usage)
        );

    private static FetchDay ToFetchDay(UsageRow row) => new(Format(row.Day), row.Requests);

    private static string Format(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static UsageSum ToSum(UsageTotal total) =>
        new(
            total.Requests,
            total.Usage.InputTokens,
            total.Usage.OutputTokens,
            total.Usage.CacheCreationInputTokens,
            total.Usage.CacheReadInputTokens,
            CostOf(total.Usage),
            total.Pages
        );

    private static decimal CostOf(TokenUsage usage) => usage.CostUsd ?? 0;

    private static UsageLimit ToLimit(QuotaStatus status, QuotaLimits limits)
    {
        var reset = status.Reset is { } time ? (long?)Math.Ceiling(time.TotalSeconds) : null;
        return status.Policy == "usd-day"
            ? new UsageLimit(status.Policy, limits.UsdPerDay ?? 0, status.Remaining / 100m, reset)
            : new UsageLimit(status.Policy, status.Limit, status.Remaining, reset);
    }
}
