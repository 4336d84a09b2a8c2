using System.Net;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Relay.Application.Fetching;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// Deals with hosts that are slow, busy or gone: places at each host, one repeat when no byte was answered yet or the host asks for it,
/// and a pause after many failures.
/// </summary>
internal sealed class FetchResilience : IDisposable
{
    /// <summary>The time by which a request has to be answered, as a timestamp of the clock.</summary>
    public static readonly HttpRequestOptionsKey<long> Deadline = new("deadline");

    /// <summary>The same deadline, on its way through a pipeline.</summary>
    public static readonly ResiliencePropertyKey<long> DeadlineProperty = new("deadline");

    /// <summary>Most hosts that are remembered. Callers choose hosts, so the ones that were not asked for longest are forgotten.</summary>
    private const int MaxOrigins = 1000;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RetryMargin = TimeSpan.FromSeconds(1);

    private const int BreakAfter = 5;
    private static readonly TimeSpan BreakWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BreakFor = TimeSpan.FromSeconds(15);

    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<(string Origin, ResiliencePipeline<HttpResponseMessage> Pipeline)>> _pipelines = new(
        StringComparer.Ordinal
    );
    private readonly LinkedList<(string Origin, ResiliencePipeline<HttpResponseMessage> Pipeline)> _byUse = [];

    public FetchResilience(IOptions<FetchOptions> options, TimeProvider clock)
    {
        _clock = clock;
        Places = new HostPlaces(options.Value, clock);
    }

    public HostPlaces Places { get; }

    /// <summary>The pipeline of an origin, in which its failures are counted.</summary>
    public ResiliencePipeline<HttpResponseMessage> PipelineOf(string origin)
    {
        lock (_lock)
        {
            if (_pipelines.TryGetValue(origin, out var known))
            {
                _byUse.Remove(known);
                _byUse.AddLast(known);
                return known.Value.Pipeline;
            }

            if (_pipelines.Count == MaxOrigins)
            {
                _pipelines.Remove(_byUse.First!.Value.Origin);
                _byUse.RemoveFirst();
            }

            var made = Build();
            _pipelines[origin] = _byUse.AddLast((origin, made));
            return made;
        }
    }

    public void Dispose() => Places.Dispose();

    private ResiliencePipeline<HttpResponseMessage> Build() =>
        new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _clock }
            .AddRetry(
                new RetryStrategyOptions<HttpResponseMessage>
                {
                    MaxRetryAttempts = 1,
                    ShouldHandle = args => ValueTask.FromResult(MayRetry(args.Context, args.Outcome)),
                    DelayGenerator = args => ValueTask.FromResult<TimeSpan?>(DelayOf(args.Outcome.Result)),
                    OnRetry = args =>
                    {
                        args.Outcome.Result?.Dispose();
                        return ValueTask.CompletedTask;
                    },
                }
            )
            .AddCircuitBreaker(
                new CircuitBreakerStrategyOptions<HttpResponseMessage>
                {
                    ShouldHandle = args => ValueTask.FromResult(IsConnectFailure(args.Outcome.Exception)),
                    FailureRatio = 0.9,
                    MinimumThroughput = BreakAfter,
                    SamplingDuration = BreakWithin,
                    BreakDuration = BreakFor,
                }
            )
            .Build();

    /// <summary>Whether to repeat: before a byte was answered, or when the host calls the error temporary; if there is time.</summary>
    private bool MayRetry(ResilienceContext context, Outcome<HttpResponseMessage> outcome)
    {
        var isSafe =
            IsConnectFailure(outcome.Exception)
            || outcome.Result?.StatusCode
                is HttpStatusCode.BadGateway
                    or HttpStatusCode.ServiceUnavailable
                    or HttpStatusCode.GatewayTimeout;
        return isSafe
            && context.Properties.TryGetValue(DeadlineProperty, out var deadline)
            && DelayOf(outcome.Result) + RetryMargin < _clock.GetElapsedTime(_clock.GetTimestamp(), deadline);
    }

    private TimeSpan DelayOf(HttpResponseMessage? response)
    {
        var after = response?.Headers.RetryAfter;
        var wait = after?.Delta ?? after?.Date - _clock.GetUtcNow() ?? RetryDelay;
        return wait < RetryDelay ? RetryDelay : wait;
    }

    private static bool IsConnectFailure(Exception? exception) => FaultOf(exception) == FetchFault.UpstreamConnect;

    /// <summary>
    /// The fault inside an exception of the framework; null for none. An open breaker carries the failure that opened it, which is not a
    /// failure of this request.
    /// </summary>
    public static FetchFault? FaultOf(Exception? exception)
    {
        while (exception is not null)
        {
            switch (exception)
            {
                case FetchFaultException fault:
                    return fault.Fault;
                case BrokenCircuitException:
                    return FetchFault.HostBroken;
                default:
                    exception = exception.InnerException;
                    break;
            }
        }

        return null;
    }
}
