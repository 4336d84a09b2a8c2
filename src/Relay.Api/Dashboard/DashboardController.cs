using System.Globalization;
using MediatR;
using Microsoft.AspNetCore.Mvc;
using Relay.Api.Authentication;
using Relay.Api.OpenApi;
using Relay.Application.Dashboard;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.Dashboard;

/// <summary>The data of the page.</summary>
[DashboardRoute]
[Speaks(ApiSurface.Native)]
[AcceptsSession]
[RequireScope(KeyScopes.Admin)]
[AuditedAs("dashboard")]
[Tags("Dashboard")]
[Route("dashboard")]
internal sealed class DashboardController(IMediator mediator) : ControllerBase
{
    private const int DefaultDays = 7;

    /// <summary>Shows the state of the relay and of its keys, now</summary>
    /// <remarks>
    /// The data of the dashboard: the state, both queues, the pool, the last hour, and every key that is not revoked with what is left of
    /// its limits. Fields without a value are left out.
    /// </remarks>
    [HttpGet("snapshot", Name = "dashboardSnapshot")]
    [Answers(200, "The relay, now.", typeof(SnapshotAnswer))]
    public async Task<IActionResult> GetSnapshotAsync(CancellationToken cancellationToken)
    {
        MarkRoutine();
        var result = await mediator.Send(new GetDashboardQuery(), cancellationToken);
        return result.TryGet(out var snapshot, out var error) ? new JsonResult(SnapshotAnswer.From(snapshot)) : error.ToActionResult();
    }

    /// <summary>Shows the usage of all keys</summary>
    /// <remarks>Usage is by UTC day, by key and by model.</remarks>
    [HttpGet("usage", Name = "dashboardUsage")]
    [Takes("days")]
    [Fails(ErrorCode.InvalidRequest)]
    [Answers(200, "The usage.", typeof(UsageSumsAnswer))]
    public async Task<IActionResult> GetUsageAsync(CancellationToken cancellationToken)
    {
        MarkRoutine();
        if (!ParseDays().TryGet(out var days, out var error))
        {
            return error.ToActionResult();
        }

        var result = await mediator.Send(new ReportUsageQuery(days), cancellationToken);
        return result.TryGet(out var report, out error) ? new JsonResult(UsageSumsAnswer.From(report)) : error.ToActionResult();
    }

    /// <summary>The page asks every few seconds, and its sign-in is in the audit log. Requests with a key are recorded.</summary>
    private void MarkRoutine() => HttpContext.Log().IsRoutine = HttpContext.Features.Get<KeySecret>() is null;

    private Result<int> ParseDays() =>
        Request.Query["days"] switch
        {
            { Count: 0 } => DefaultDays,
            { Count: 1 } given when int.TryParse(given[0], NumberStyles.None, CultureInfo.InvariantCulture, out var days) => days,
            _ => RelayError.Invalid("days", GetUsageQuery.DaysProblem),
        };
}
