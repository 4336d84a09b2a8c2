using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Usage;

/// <summary>What a key used, and what is left of its limits.</summary>
/// <param name="Caller">Whose; nobody sees another's.</param>
/// <param name="Days">How many UTC days, today among them.</param>
public sealed record GetUsageQuery(ApiKey Caller, int Days) : IRequest<Result<KeyUsage>>
{
    /// <summary>Most days that can be asked for at once.</summary>
    public const int MaxDays = 366;
}

/// <param name="Rows">By day and model.</param>
/// <param name="Limits">The limits that count for the key's completions.</param>
/// <param name="Statuses">What is left of each limit, also of those of pages.</param>
public sealed record KeyUsage(IReadOnlyList<UsageRow> Rows, QuotaLimits Limits, IReadOnlyList<QuotaStatus> Statuses);

internal sealed class GetUsageValidator : AbstractValidator<GetUsageQuery>
{
    public GetUsageValidator() =>
        RuleFor(query => query.Days)
            .InclusiveBetween(1, GetUsageQuery.MaxDays)
            .WithRelayError(ErrorCode.InvalidRequest, "days", $"'days' is a whole number from 1 to {GetUsageQuery.MaxDays}.");
}

internal sealed class GetUsageHandler(IUsageReader usage, IAdmission admission, TimeProvider clock)
    : IRequestHandler<GetUsageQuery, Result<KeyUsage>>
{
    public async Task<Result<KeyUsage>> Handle(GetUsageQuery query, CancellationToken cancellationToken)
    {
        var limits = admission.LimitsOf(query.Caller, QuotaBucket.Completions);
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        var rows = await usage.ReadAsync(query.Caller.Id, today.AddDays(1 - query.Days), cancellationToken);
        var completions = await admission.PeekAsync(query.Caller, QuotaBucket.Completions, cancellationToken);
        var fetches = await admission.PeekAsync(query.Caller, QuotaBucket.Fetches, cancellationToken);
        return new KeyUsage(rows, limits, [.. completions.Statuses, .. fetches.Statuses]);
    }
}
