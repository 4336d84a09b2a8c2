using System.Diagnostics;
using Relay.Application.Pipeline;
using Relay.Application.Telemetry;

namespace Relay.Api.Telemetry;

/// <summary>
/// The relay's own span of a request; the framework's would hold the path and the query. Without a listener only its ids exist: they
/// connect the lines of the log with each other, and with the caller's trace.
/// </summary>
internal static class RequestSpan
{
    private const int MaxTraceState = 512;

    private static readonly DistributedContextPropagator TraceContext = DistributedContextPropagator.CreateW3CPropagator();

    /// <summary>Begins the span, in the caller's trace if there is one. The caller's baggage is left out.</summary>
    public static Activity Start(HttpRequest request, string method)
    {
        var caller = CallerOf(request.Headers);
        if (RelayTracing.Source.StartActivity(method, ActivityKind.Server, caller) is { } span)
        {
            return span;
        }

        span = new Activity("request");
        if (caller != default)
        {
            span.SetParentId(caller.TraceId, caller.SpanId, caller.TraceFlags);
        }

        return span.Start();
    }

    /// <summary>Ends the span with its outcome. A request without a good key is not exported: anybody can send any number.</summary>
    public static void End(Activity span, string method, string? route, int status, string? error, RequestContext? request)
    {
        if (request is null)
        {
            span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            span.IsAllDataRequested = false;
            return;
        }

        if (!span.IsAllDataRequested || !RelayTracing.Source.HasListeners())
        {
            return;
        }

        span.DisplayName = route is null ? method : $"{method} {route}";
        span.SetTag("http.request.method", method);
        span.SetTag("http.route", route);
        span.SetTag("http.response.status_code", status);
        span.SetTag("relay.request_id", request.RequestId);
        span.SetTag("relay.key.id", request.Caller.Id);
        span.SetTag("relay.key.label", request.Caller.Label.Value);
        if (request.IsReplay)
        {
            span.SetTag("relay.replayed", true);
        }

        if (error is not null)
        {
            span.SetTag("error.type", error);
            // By the convention, a server does not count a caller's mistake as its error.
            if (status >= StatusCodes.Status500InternalServerError || status < StatusCodes.Status400BadRequest)
            {
                span.SetStatus(ActivityStatusCode.Error);
            }
        }
    }

    /// <summary>The context of <c>traceparent</c> and <c>tracestate</c>; empty where they break W3C's rules.</summary>
    private static ActivityContext CallerOf(IHeaderDictionary headers)
    {
        if (headers.TraceParent is not { Count: 1 })
        {
            return default;
        }

        TraceContext.ExtractTraceIdAndState(
            headers,
            static (object? carrier, string name, out string? value, out IEnumerable<string>? values) =>
            {
                values = null;
                value = ((IHeaderDictionary)carrier!)[name] is { Count: > 0 } given ? given.ToString() : null;
            },
            out var parent,
            out var state
        );
        return
            ActivityContext.TryParse(parent, state is { Length: > MaxTraceState } ? null : state, isRemote: true, out var caller)
            && caller.TraceId != default
            && caller.SpanId != default
            ? caller
            : default;
    }
}
