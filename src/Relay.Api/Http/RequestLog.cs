using System.Security.Cryptography;
using Microsoft.AspNetCore.Http.Features;
using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Api.Http;

/// <summary>What is told about a request in its one log line. Never a prompt, an answer, a secret or a path the caller made up.</summary>
internal sealed class RequestLogEntry(string requestId)
{
    /// <summary>Also in the answer, as <c>X-Request-Id</c>.</summary>
    public string RequestId { get; } = requestId;

    /// <summary>The key's label, once known.</summary>
    public string? KeyLabel { get; set; }

    /// <summary>The error's wire name.</summary>
    public string? Error { get; set; }

    /// <summary>The answer, for its model, timings and usage.</summary>
    public Completion? Completion { get; set; }
}

/// <summary>Gives every request an id, logs it in one line, and turns what nobody expected into a 500 without details.</summary>
internal sealed class RequestLog(RequestDelegate next, TimeProvider clock, ILogger<RequestLog> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var started = clock.GetTimestamp();
        var entry = new RequestLogEntry("req_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
        context.Features.Set(entry);
        context.Response.Headers["X-Request-Id"] = entry.RequestId;
        int? status = null;
        try
        {
            await next(context);
            // Buffered bytes are the relay's time too.
            await context.Response.CompleteAsync();
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            (status, entry.Error) = (StatusCodes.Status499ClientClosedRequest, "client_closed");
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Request {RequestId} failed on a fault of the relay", entry.RequestId);
            if (context.Response.HasStarted)
            {
                context.Abort();
            }
            else
            {
                await ErrorResponse.WriteAsync(context, new RelayError(ErrorCode.InternalError, "The relay failed. Its operator finds the request id in the log."));
            }
        }
        finally
        {
            Log(context, entry, status ?? context.Response.StatusCode, clock.GetElapsedTime(started));
        }
    }

    private void Log(HttpContext context, RequestLogEntry entry, int status, TimeSpan total)
    {
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "(none)";
        if (entry.Completion is not { } completion)
        {
            logger.LogInformation(
                "{Method} {Route} {Status} {Error} key={KeyLabel} total={TotalMs:0.0}ms {RequestId}",
                KnownMethod(context.Request.Method), route, status, entry.Error ?? "ok", entry.KeyLabel, total.TotalMilliseconds, entry.RequestId);
            return;
        }

        var timings = completion.Timings;
        var elsewhere = timings.Claim + timings.Write + timings.FirstToken + timings.Generate;
        var own = total - elsewhere + timings.Write;
        logger.LogInformation(
            "{Method} {Route} {Status} ok key={KeyLabel} model={Model} process={Origin} own={OwnMs:0.00}ms claim={ClaimMs:0.0}ms first_token={FirstTokenMs:0.0}ms generate={GenerateMs:0.0}ms total={TotalMs:0.0}ms {RequestId}",
            KnownMethod(context.Request.Method), route, status, entry.KeyLabel, completion.Model.Value, timings.Origin,
            own.TotalMilliseconds, timings.Claim.TotalMilliseconds, timings.FirstToken.TotalMilliseconds, timings.Generate.TotalMilliseconds, total.TotalMilliseconds, entry.RequestId);
    }

    /// <summary>A method is the caller's free text.</summary>
    private static string KnownMethod(string method) => method is "GET" or "POST" or "PUT" or "PATCH" or "DELETE" or "HEAD" or "OPTIONS" ? method : "(other)";
}

internal static class RequestLogAccess
{
    /// <summary>The entry of the request at hand.</summary>
    public static RequestLogEntry Log(this HttpContext context) => context.Features.GetRequiredFeature<RequestLogEntry>();
}
