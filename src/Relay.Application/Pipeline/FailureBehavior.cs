using MediatR;
using Relay.Domain;

namespace Relay.Application.Pipeline;

/// <summary>Makes a failed result of an expected failure that some port had to throw. Any other exception is a bug.</summary>
internal sealed class FailureBehavior<TRequest, TResponse> : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        try
        {
            return await next();
        }
        catch (RelayErrorException failure)
        {
            return TResponse.Failure(failure.Error);
        }
    }
}
