using FluentValidation;
using MediatR;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Usage;

/// <summary>Reads the usage of a key, and the unused part of its limits.</summary>
/// <param name="Caller">The key. No key sees the usage of another.</param>
/// <param name="Days">The number of UTC days, including today.</param>
public sealed record GetUsageQuery(ApiKey Caller, int Days) : IRequest<Result<KeyUsage>>
{
    /// <summary>Most days that can be asked for at once.</summary>
    public const int MaxDays = 366;

    /// <summary>The problem of another number of days, in a sentence.</summary>
    public static string DaysProblem { get; } = $"'days' takes a whole number from 1 to {MaxDays}.";
}

/// <param name="Rows">The rows by day and model.</param>
/// <param name="Limits">The limits that apply to the key's completions.</param>
/// <param name="Statuses">The status of each limit, including those of pages.</param>
public sealed record KeyUsage(IReadOnlyList<UsageRow> Rows, QuotaLimits Limits, IReadOnlyList<QuotaStatus> Statuses);

internal sealed class GetUsageValidator : AbstractValidator<GetUsageQuery>
{
    public GetUsageValidator() =>
        RuleFor(query => query.Days)
            .InclusiveBetween(1, GetUsageQuery.MaxDays)
            .WithRelayError(ErrorCode.InvalidRequest, "days", GetUsageQuery.DaysProblem);
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
