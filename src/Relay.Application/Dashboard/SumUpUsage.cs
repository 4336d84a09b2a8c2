using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Application.Dashboard;

/// <summary>Sums up the usage of all keys over some days, by day, by key and by model. A page has no use for each row.</summary>
/// <param name="Days">The number of UTC days, including today.</param>
public sealed record SumUpUsageQuery(int Days) : IRequest<Result<UsageSums>>;

/// <param name="ByDay">One for each day, oldest first, also for a day without usage.</param>
/// <param name="ByKey">By label, or by id for a key that no longer exists; the dearest first.</param>
/// <param name="ByModel">Of completions only; the dearest first.</param>
public sealed record UsageSums(IReadOnlyList<UsageSum> ByDay, IReadOnlyList<UsageSum> ByKey, IReadOnlyList<UsageSum> ByModel);

/// <summary>A sum of usage.</summary>
/// <param name="Name">The day (<c>2026-11-23</c>), the key or the model.</param>
/// <param name="Requests">Completions.</param>
/// <param name="Pages">Pages that were fetched, or refused.</param>
/// <param name="Usage">Tokens and cost.</param>
public sealed record UsageSum(string Name, long Requests, long Pages, TokenUsage Usage);

internal sealed class SumUpUsageValidator : AbstractValidator<SumUpUsageQuery>
{
    public SumUpUsageValidator() =>
        RuleFor(query => query.Days)
            .InclusiveBetween(1, GetUsageQuery.MaxDays)
            .WithRelayError(ErrorCode.InvalidRequest, "days", $"'days' is a whole number from 1 to {GetUsageQuery.MaxDays}.");
}

internal sealed class SumUpUsageHandler(IMediator mediator, TimeProvider clock) : IRequestHandler<SumUpUsageQuery, Result<UsageSums>>
{
    public async Task<Result<UsageSums>> Handle(SumUpUsageQuery query, CancellationToken cancellationToken)
    {
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        if (!(await mediator.Send(new ReportUsageQuery(query.Days), cancellationToken)).TryGet(out var report, out var error))
        {
            return error;
        }

        var byDay = report.Rows.ToLookup(row => row.Day);
        return new UsageSums(
            [
                .. Enumerable
                    .Range(1 - query.Days, query.Days)
                    .Select(today.AddDays)
                    .Select(day => Sum(day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), byDay[day])),
            ],
            [.. SumBy(report.Rows, row => report.Labels.GetValueOrDefault(row.KeyId, row.KeyId))],
            [.. SumBy(report.Rows.Where(row => row.Model is not null), row => row.Model!)]
        );
    }

    private static IEnumerable<UsageSum> SumBy(IEnumerable<UsageRow> rows, Func<UsageRow, string> name) =>
        rows.GroupBy(name, StringComparer.Ordinal)
            .Select(group => Sum(group.Key, group))
            .OrderByDescending(sum => sum.Usage.CostUsd)
            .ThenByDescending(sum => sum.Requests + sum.Pages)
            .ThenBy(sum => sum.Name, StringComparer.Ordinal);

    private static UsageSum Sum(string name, IEnumerable<UsageRow> rows)
    {
        long requests = 0,
            pages = 0,
            input = 0,
            output = 0,
            created = 0,
            read = 0;
        var cost = 0m;
        foreach (var row in rows)
        {
            requests += row.Model is null ? 0 : row.Requests;
            pages += row.Model is null ? row.Requests : 0;
            input += row.Usage.InputTokens;
            output += row.Usage.OutputTokens;
            created += row.Usage.CacheCreationInputTokens;
            read += row.Usage.CacheReadInputTokens;
            cost += row.Usage.CostUsd ?? 0;
        }

        return new UsageSum(name, requests, pages, new TokenUsage(input, output, created, read, cost));
    }
}
