using System.Globalization;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.Http;
using Relay.Api.OpenApi;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Api.Usage;

/// <summary>The answer of <c>GET /v1/usage</c>.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Key">The key's label.</param>
/// <param name="Days">What was used, by UTC day and model; days without use are left out.</param>
/// <param name="Fetches">Pages that were fetched, or refused, by UTC day.</param>
/// <param name="Total">All of it together.</param>
/// <param name="Limits">The key's limits and what is left of each.</param>
internal sealed record UsageAnswer(bool Ok, string Key, IEnumerable<UsageDay> Days, IEnumerable<FetchDay> Fetches, UsageSum Total, IEnumerable<UsageLimit> Limits);

/// <summary>What was used of one model on one UTC day (<c>2026-11-23</c>); what runs now is among it.</summary>
internal sealed record UsageDay(
    string Day, string Model, long Requests, long InputTokens, long OutputTokens, long CacheCreationInputTokens, long CacheReadInputTokens, decimal CostUsd);

/// <summary>Pages of one UTC day.</summary>
internal sealed record FetchDay(string Day, long Requests);

/// <summary>The sum of some days.</summary>
internal sealed record UsageSum(long Requests, long InputTokens, long OutputTokens, long CacheCreationInputTokens, long CacheReadInputTokens, decimal CostUsd, long Fetches);

/// <param name="Name">As in the <c>RateLimit</c> header: <c>minute</c>, <c>day</c>, <c>concurrency</c>; <c>usd-day</c> in dollars here; <c>fetch-minute</c>, … for pages.</param>
/// <param name="Limit">All of it.</param>
/// <param name="Remaining">What is left.</param>
/// <param name="ResetSeconds">Until there is more; none for <c>concurrency</c>.</param>
internal sealed record UsageLimit(string Name, decimal Limit, decimal Remaining, long? ResetSeconds);

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
            ? this.NoStoreJson(new UsageAnswer(Ok: true, caller.Label.Value, usage.Rows.Where(row => row.Model is not null).Select(ToDay), usage.Rows.Where(row => row.Model is null).Select(ToFetchDay), ToSum(usage.Rows), usage.Statuses.Select(status => ToLimit(status, usage.Limits))))
            : error.ToActionResult();
    }

    private Result<int> ParseDays() => Request.Query["days"] switch
    {
        { Count: 0 } => DefaultDays,
        { Count: 1 } given when int.TryParse(given[0], NumberStyles.None, CultureInfo.InvariantCulture, out var days) => days,
        _ => RelayError.Invalid("days", $"'days' is a whole number from 1 to {GetUsageQuery.MaxDays}."),
    };

    private static UsageDay ToDay(UsageRow row) => new(
        Format(row.Day),
        row.Model!,
        row.Requests,
        row.Usage.InputTokens,
        row.Usage.OutputTokens,
        row.Usage.CacheCreationInputTokens,
        row.Usage.CacheReadInputTokens,
        CostOf(row.Usage));

    private static FetchDay ToFetchDay(UsageRow row) => new(Format(row.Day), row.Requests);

    private static string Format(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static UsageSum ToSum(IReadOnlyList<UsageRow> rows) => new(
        rows.Where(row => row.Model is not null).Sum(row => row.Requests),
        rows.Sum(row => row.Usage.InputTokens),
        rows.Sum(row => row.Usage.OutputTokens),
        rows.Sum(row => row.Usage.CacheCreationInputTokens),
        rows.Sum(row => row.Usage.CacheReadInputTokens),
        rows.Sum(row => CostOf(row.Usage)),
        rows.Where(row => row.Model is null).Sum(row => row.Requests));

    private static decimal CostOf(TokenUsage usage) => usage.CostUsd ?? 0;

    private static UsageLimit ToLimit(QuotaStatus status, QuotaLimits limits)
    {
        var reset = status.Reset is { } time ? (long?)Math.Ceiling(time.TotalSeconds) : null;
        return status.Policy == "usd-day"
            ? new UsageLimit(status.Policy, limits.UsdPerDay ?? 0, status.Remaining / 100m, reset)
            : new UsageLimit(status.Policy, status.Limit, status.Remaining, reset);
    }
}
