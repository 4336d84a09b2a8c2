using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Application.Telemetry;
using Relay.Domain.Quotas;

namespace Relay.Api.Quotas;

/// <summary>Marks routes that take from a key's limits.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SpendsQuotaAttribute(QuotaBucket bucket) : Attribute
{
    public QuotaBucket Bucket { get; } = bucket;
}

/// <summary>
/// Turns a request away before its body is read when its key's limits are used up already. It only looks: admission decides about, and
/// counts, the requests that pass.
/// </summary>
internal sealed class QuotaGate(IAdmission admission, RelayMetrics metrics)
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (
            context.Features.Get<RequestContext>() is { } request
            && context.GetEndpoint()?.Metadata.GetMetadata<SpendsQuotaAttribute>() is { Bucket: var bucket }
        )
        {
            if (admission.FindKnownRefusal(request.Caller, bucket) is { Refusal: { } refusal } decision)
            {
                request.Quotas = decision.Statuses is [] ? null : decision.Statuses;
                metrics.AdmissionDecided(bucket, refusal.WireName, queueTime: null);
                await ErrorResponse.WriteAsync(context, refusal);
                return;
            }
        }

        await next(context);
    }
}
