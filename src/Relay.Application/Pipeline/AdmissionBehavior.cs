using MediatR;
using Relay.Application.Quotas;
using Relay.Domain;

namespace Relay.Application.Pipeline;

/// <summary>Lets a request that spends something through when the limits and a free place allow it.</summary>
internal sealed class AdmissionBehavior<TRequest, TResponse>(IAdmission admission) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>, IAdmissible
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var admitted = await admission.AdmitAsync(request.Caller, cancellationToken);
        if (!admitted.TryGet(out var lease, out var refusal))
        {
            return TResponse.Failure(refusal);
        }

        using (lease)
        {
            return await next();
        }
    }
}
