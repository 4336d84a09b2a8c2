using MediatR;
using Relay.Application.Auditing;
using Relay.Domain;

namespace Relay.Application.Pipeline;

/// <summary>Writes one audit entry for every request that is audited, however it ends.</summary>
internal sealed class AuditBehavior<TRequest, TResponse>(IAuditLog auditLog, TimeProvider clock) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : IRequest<TResponse>, IAudited
    where TResponse : IResult<TResponse>
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var started = clock.GetTimestamp();
        // Whatever does not come back as a result is an exception: the caller left, or a bug.
        var outcome = new RelayError(ErrorCode.InternalError, "The request ended in an exception.");
        try
        {
            var response = await next();
            outcome = response.Error;
            return response;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            outcome = new RelayError(ErrorCode.ClientClosed, "The caller left.");
            throw;
        }
        finally
        {
            auditLog.Write(new AuditEntry(request.AuditAction, request.Caller.Id, request.Caller.Label.Value, outcome?.WireName, clock.GetElapsedTime(started)));
        }
    }
}
