using MediatR;
using Relay.Application.Quotas;
using Relay.Domain;

namespace Relay.Application.Pipeline;

/// <summary>Lets a request that spends something through when the limits and a free place allow it, and settles what it spent.</summary>
internal sealed class AdmissionBehavior<TRequest, TResponse>(Admission admission) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>, IAdmissible
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        if (!(await admission.AdmitAsync(request, cancellationToken)).TryGet(out var admitted, out var refusal))
        {
            return TResponse.Failure(refusal);
        }

        var succeeded = false;
        try
        {
            var response = await next();
            succeeded = response.Error is null;
            return response;
        }
        finally
        {
            request.Context.CostUsd = await admission.EndAsync(admitted, request.Context.Spending, succeeded);
        }
    }
}
