using FluentValidation;
using MediatR;
using Relay.Application.Keys;
using Relay.Application.Pipeline;
using Relay.Domain;

namespace Relay.Application.Usage;

/// <summary>Reads the usage of all keys, for the operator.</summary>
/// <param name="Days">The number of UTC days, including today.</param>
public sealed record ReportUsageQuery(int Days) : IRequest<Result<UsageReport>>;

/// <param name="Rows">By day, key and model.</param>
/// <param name="Labels">The labels of key ids, also of revoked keys.</param>
public sealed record UsageReport(IReadOnlyList<UsageRow> Rows, IReadOnlyDictionary<string, string> Labels);

internal sealed class ReportUsageValidator : AbstractValidator<ReportUsageQuery>
{
    public ReportUsageValidator() =>
        RuleFor(query => query.Days)
            .InclusiveBetween(1, GetUsageQuery.MaxDays)
            .WithRelayError(ErrorCode.InvalidRequest, "days", $"Days are a whole number from 1 to {GetUsageQuery.MaxDays}.");
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
        var rows = await usage.ReadAsync(keyId: null, today.AddDays(1 - query.Days), cancellationToken);
        return new UsageReport(rows, keys.ToDictionary(key => key.Id, key => key.Label.Value, StringComparer.Ordinal));
    }
}
