using FluentValidation;
using MediatR;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.Usage;

/// <summary>Reads the usage of all keys, for the operator.</summary>
/// <param name="Days">The number of UTC days, including today.</param>
public sealed record ReportUsageQuery(int Days) : IRequest<Result<UsageReport>>;

internal sealed class ReportUsageValidator : AbstractValidator<ReportUsageQuery>
{
    public ReportUsageValidator() =>
        RuleFor(query => query.Days)
            .InclusiveBetween(1, GetUsageQuery.MaxDays)
            .WithRelayError(ErrorCode.InvalidRequest, "days", GetUsageQuery.DaysProblem);
}

internal sealed class ReportUsageHandler(IUsageReader usage, IKeyRepository repository, TimeProvider clock)
    : IRequestHandler<ReportUsageQuery, Result<UsageReport>>
{
    public async Task<Result<UsageReport>> Handle(ReportUsageQuery query, CancellationToken cancellationToken)
    {
        if (!(await repository.ReadAsync(cancellationToken)).TryGet(out var keys, out var error))
        {
            return error;
        }

        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        var since = today.AddDays(1 - query.Days);
        var rows = await usage.ReadAsync(keyId: null, since, cancellationToken);
        return new UsageReport(since, today, rows, keys.ToDictionary(key => key.Id, key => key.Label.Value, StringComparer.Ordinal));
    }
}
