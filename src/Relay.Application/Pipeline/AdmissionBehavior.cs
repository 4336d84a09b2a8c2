using MediatR;
using Relay.Application.Quotas;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Application.Pipeline;

/// <summary>Lets a spending request pass when its limits and a free place allow it, and settles its spending.</summary>
internal sealed class AdmissionBehavior<TRequest, TResponse>(Admission admission, RelayMetrics metrics)
    : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>, IAdmissible
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        if (!(await AdmitAsync(request, cancellationToken)).TryGet(out var admitted, out var refusal))
        {
            return TResponse.Failure(refusal);
        }

        var succeeded = false;
        try
        {
            request.Context.Admit();
            var response = await next();
            succeeded = response.Error is null;
            return response;
        }
        finally
        {
            var cost = request.Context.CostUsd = await admission.EndAsync(admitted, request.Context.Spending, succeeded);
            if (admitted.Model is { } model)
            {
                metrics.Spent(model, request.Context.Spending.Usage, cost);
            }
        }
    }

    private async Task<Result<Admitted>> AdmitAsync(TRequest request, CancellationToken cancellationToken)
    {
        using var span = RelayTracing.Source.StartActivity("queue");
        span?.SetTag("relay.bucket", request.Bucket.WireName());
        string? outcome = null;
        try
        {
            var result = await admission.AdmitAsync(request, cancellationToken);
            outcome = result.Error?.WireName;
            return result;
        }
        catch (Exception exception)
        {
            outcome = ErrorName.Of(exception, cancellationToken);
            throw;
        }
        finally
        {
            span.SetError(outcome);
            metrics.AdmissionDecided(request.Bucket, outcome, request.Context.QueueTime);
        }
    }
}
