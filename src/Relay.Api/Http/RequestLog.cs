using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;
using Relay.Api.Quotas;
using Relay.Api.Telemetry;
using Relay.Application.Auditing;
using Relay.Application.Pipeline;
using Relay.Application.Telemetry;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.Api.Http;

/// <summary>The audit log's name for a route.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class AuditedAsAttribute(string action) : Attribute
{
    public string Action { get; } = action;
}

/// <summary>
/// Gives every request an id, writes its one line into the log and into the audit log, and turns an unexpected exception into a 500
/// without details. Requests without a good key are counted instead, so that a flood of them fills no disk.
/// </summary>
internal sealed class RequestLog(
    RequestDelegate next,
    IAuditLog auditLog,
    IEnumerable<IRequestObserver> observers,
    RelayMetrics metrics,
    TimeProvider clock,
    ILogger<RequestLog> logger
)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var started = clock.GetTimestamp();
        using var span = RequestSpan.Start(context.Request, KnownMethod(context.Request.Method));
        var entry = new RequestLogEntry("req_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
        context.Features.Set(entry);
        SetRequestId(context, entry);
        int? status = null;
        try
        {
            await next(context);
            if (!entry.IsOver)
            {
                // A lost or cut connection drops the rest of an answer silently.
                context.RequestAborted.ThrowIfCancellationRequested();
                // The time to send buffered bytes counts as the relay's, too.
                await context.Response.CompleteAsync();
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && entry.IsOver)
        {
            logger.LogDebug("The caller left before the end of the answer to {RequestId}", entry.RequestId);
        }
        catch (Exception exception)
            when (exception is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            (status, entry.Error) = (StatusCodes.Status499ClientClosedRequest, "client_closed");
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Request {RequestId} failed because of a fault of the relay", entry.RequestId);
            if (context.Response.HasStarted)
            {
                entry.Error = "internal_error";
                context.Abort();
            }
            else
            {
                context.Response.Clear();
                SetRequestId(context, entry);
                await ErrorResponse.WriteAsync(
                    context,
                    new RelayError(
                        ErrorCode.InternalError,
                        "The relay failed on this request. Its operator finds the request id in the log."
                    )
                );
            }
        }
        finally
        {
            Record(context, entry, span, status ?? context.Response.StatusCode, clock.GetElapsedTime(started));
        }
    }

    private static void SetRequestId(HttpContext context, RequestLogEntry entry)
    {
        context.Response.Headers["X-Request-Id"] = entry.RequestId;
        // Anthropic's SDKs look for this header.
        context.Response.Headers["request-id"] = entry.RequestId;
    }

    private void Record(HttpContext context, RequestLogEntry entry, Activity span, int status, TimeSpan total)
    {
        var endpoint = context.GetEndpoint() as RouteEndpoint;
        var (method, template) = (KnownMethod(context.Request.Method), endpoint?.RoutePattern.RawText?.TrimStart('/'));
        var route = $"{method} {template ?? "(none)"}";
        var request = context.Features.Get<RequestContext>();
        RequestSpan.End(span, method, template, status, entry.Error, request);
        metrics.RequestEnded(method, template ?? "(none)", NameOf(context.Surface()), status, entry.Error, total);
        if (request is null)
        {
            if (status is StatusCodes.Status401Unauthorized or StatusCodes.Status421MisdirectedRequest)
            {
                var error = entry.Error ?? "unauthorized";
                auditLog.CountUnauthenticated(error);
                foreach (var observer in observers)
                {
                    observer.ObserveUnauthenticated(error);
                }
            }

            if (logger.IsEnabled(LogLevel.Debug))
            {
                // Anybody can ask without a key: such requests get no line each.
                logger.LogDebug(
                    "{Route} {Status} {Error} total={TotalMs:0.0}ms {RequestId}",
                    route,
                    status,
                    entry.Error ?? "ok",
                    total.TotalMilliseconds,
                    entry.RequestId
                );
            }

            return;
        }

        if (entry is { IsRoutine: true, Error: null })
        {
            return;
        }

        if (!request.IsReplay)
        {
            metrics.CompletionEnded(request, entry.Error, total);
        }

        Audit(
            context,
            request,
            new AuditEntry(ActionOf(endpoint))
            {
                Route = route,
                Status = status,
                Error = entry.Error,
                Total = total,
                TraceId = span.TraceId.ToHexString(),
            }
        );
        var label = request.Caller.Label.Value;
        if (request.Timings is not { } timings)
        {
            // A client that asks in a loop although it is refused would fill the log. The audit log has each.
            var level = status == StatusCodes.Status429TooManyRequests ? LogLevel.Debug : LogLevel.Information;
            if (!logger.IsEnabled(level))
            {
                return;
            }

            logger.Log(
                level,
                "{Route} {Status} {Error} key={KeyLabel} total={TotalMs:0.0}ms {RequestId}",
                route,
                status,
                entry.Error ?? "ok",
                label,
                total.TotalMilliseconds,
                entry.RequestId
            );
            return;
        }

        var queue = request.QueueTime ?? TimeSpan.Zero;
        var elsewhere = queue + timings.Claim + timings.FirstToken + timings.Generate;
        logger.LogInformation(
            "{Route} {Status} {Error} key={KeyLabel} model={Model} process={Origin} own={OwnMs:0.00}ms queue={QueueMs:0.0}ms "
                + "claim={ClaimMs:0.0}ms first_token={FirstTokenMs:0.0}ms generate={GenerateMs:0.0}ms total={TotalMs:0.0}ms "
                + "upstream={UpstreamRequestId} {RequestId}",
            route,
            status,
            entry.Error ?? "ok",
            label,
            request.Model?.Value,
            timings.Origin,
            (total - elsewhere).TotalMilliseconds,
            queue.TotalMilliseconds,
            timings.Claim.TotalMilliseconds,
            timings.FirstToken.TotalMilliseconds,
            timings.Generate.TotalMilliseconds,
            total.TotalMilliseconds,
            request.Spending.UpstreamRequestId ?? "-",
            entry.RequestId
        );
    }

    private void Audit(HttpContext context, RequestContext request, AuditEntry entry)
    {
        var whole = Complete(context, request, entry);
        foreach (var observer in observers)
        {
            observer.Observe(whole);
        }

        // Requests that count are bounded by the limits. Those that cost nothing are not, so they are gathered.
        if (request.QueueTime is null || (request.Model is not null && request.CostUsd is null))
        {
            auditLog.WriteRepeated(whole);
        }
        else
        {
            auditLog.Write(whole);
        }
    }

    private static AuditEntry Complete(HttpContext context, RequestContext request, AuditEntry entry) =>
        entry with
        {
            RequestId = request.RequestId,
            KeyId = request.Caller.Id,
            KeyLabel = request.Caller.Label.Value,
            Model = request.Model?.Value,
            Host = request.Fetch?.Host,
            Detail = request.IsReplay ? "replayed" : request.Fetch?.Failure,
            Queue = request.QueueTime,
            FirstToken = request.Timings is { } timings ? timings.Claim + timings.Write + timings.FirstToken : null,
            CostUsd = request.CostUsd,
            Usage = request.Spending.Usage,
            RequestBytes = context.Request.ContentLength,
            Tools = request.Tools,
            ToolCalls = request.ToolCalls,
        };

    /// <summary>The action as one word: the bucket that it spends from, the route's own name, or its template's last word.</summary>
    private static string ActionOf(RouteEndpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<SpendsQuotaAttribute>()?.Bucket switch
        {
            QuotaBucket.Completions => "complete",
            QuotaBucket.Fetches => "fetch",
            _ => endpoint?.Metadata.GetMetadata<AuditedAsAttribute>()?.Action
                ?? endpoint?.RoutePattern.RawText?.Split('/').Last(part => !part.StartsWith('{'))
                ?? "none",
        };

    private static string NameOf(ApiSurface surface) =>
        surface switch
        {
            ApiSurface.OpenAi => "openai",
            ApiSurface.Anthropic => "anthropic",
            _ => "native",
        };

    /// <summary>The method, if it is a known one. A method is the caller's free text.</summary>
    private static string KnownMethod(string method) =>
        method is "GET" or "POST" or "PUT" or "PATCH" or "DELETE" or "HEAD" or "OPTIONS" ? method : "(other)";
}

internal static class RequestLogAccess
{
    public static RequestLogEntry Log(this HttpContext context) => context.Features.GetRequiredFeature<RequestLogEntry>();
}
