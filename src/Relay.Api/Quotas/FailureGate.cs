using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Api.Quotas;

/// <summary>
/// Counts requests on spending routes that came to nothing, and turns a key with too many of them away for a while. It comes before
/// the body, the idempotency key and the limits.
/// </summary>
internal sealed class FailureGate(IAdmission admission, RelayMetrics metrics)
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (
            context.Features.Get<RequestContext>() is not { } request
            || context.GetEndpoint()?.Metadata.GetMetadata<SpendsQuotaAttribute>() is not { Bucket: var bucket }
        )
        {
            await next(context);
            return;
        }

        if (admission.FindFailureLimit(request.Caller) is { } refusal)
        {
            metrics.AdmissionDecided(bucket, refusal.WireName, queueTime: null);
            await ErrorResponse.WriteAsync(context, refusal);
            return;
        }

        try
        {
            await next(context);
        }
        finally
        {
            if (CameToNothing(request, bucket) && !WasLimited(context.Log().Error))
            {
                admission.CountFailure(request.Caller);
            }
        }
    }

    /// <summary>Whether the request cost nothing. A page that was let in is charged, however it ended.</summary>
    private static bool CameToNothing(RequestContext request, QuotaBucket bucket) =>
        !request.IsReplay && (bucket == QuotaBucket.Completions ? request.CostUsd is null : request.QueueTime is null);

    /// <summary>Whether a limit refused it, with an honest time to wait: a caller who waits that long must succeed.</summary>
    private static bool WasLimited(string? error) =>
        error is not null
        && (
            error == ErrorCode.RateLimited.WireName()
            || error == ErrorCode.DailyLimit.WireName()
            || error == ErrorCode.GlobalDailyLimit.WireName()
        );
}
