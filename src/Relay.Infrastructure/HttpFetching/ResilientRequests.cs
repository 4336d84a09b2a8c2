using Polly;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>Sends requests through the pipeline of their origin.</summary>
internal sealed class ResilientRequests(FetchResilience resilience) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        try
        {
            if (request.Options.TryGetValue(FetchResilience.Deadline, out var deadline))
            {
                context.Properties.Set(FetchResilience.DeadlineProperty, deadline);
            }

            var origin = request.RequestUri!.GetLeftPart(UriPartial.Authority);
            return await resilience
                .PipelineOf(origin)
                .ExecuteAsync(async inner => await base.SendAsync(request, inner.CancellationToken), context);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }
}
