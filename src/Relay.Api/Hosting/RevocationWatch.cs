using System.Collections.Concurrent;
using Relay.Api.Dashboard;
using Relay.Application.Keys;
using Relay.Application.Pipeline;

namespace Relay.Api.Hosting;

/// <summary>Ends the waiting and running requests of a key when it is revoked: their callers get the same 401 as later requests.</summary>
internal sealed class RevocationWatch : IDisposable
{
    private readonly ConcurrentDictionary<Running, string> _running = new();
    private readonly IKeyDirectory _keys;

    public RevocationWatch(IKeyDirectory keys)
    {
        _keys = keys;
        _keys.Reloaded += EndRevoked;
    }

    /// <summary>Passes the request on, with a token that the revocation of its key cancels, too.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        // A request of the dashboard is over at once. An admin who revokes its own key there must get the answer.
        if (
            context.Features.Get<RequestContext>() is not { } request
            || context.GetEndpoint()?.Metadata.GetMetadata<AcceptsSessionAttribute>() is not null
        )
        {
            await next(context);
            return;
        }

        var left = context.RequestAborted;
        using var running = new Running(left);
        _running[running] = request.Caller.Id;
        context.RequestAborted = running.Ended.Token;
        if (_keys.IsRevoked(request.Caller.Id))
        {
            running.Revoke(); // Revoked between its look-up and this line.
        }

        try
        {
            // A cut answer throws. An answer that returns is whole, however late the revocation was.
            await next(context);
        }
        catch (OperationCanceledException) when (running.IsRevoked && !left.IsCancellationRequested && context.Response.HasStarted)
        {
            Cut(context);
        }
        catch (OperationCanceledException) when (running.IsRevoked && !left.IsCancellationRequested && !context.Response.HasStarted)
        {
            context.RequestAborted = left;
            await ErrorResponse.WriteAsync(context, ErrorResponse.Unauthorized);
        }
        finally
        {
            context.RequestAborted = left;
            _running.TryRemove(running, out _);
        }
    }

    public void Dispose() => _keys.Reloaded -= EndRevoked;

    private static void Cut(HttpContext context)
    {
        context.Log().Error = ErrorResponse.Unauthorized.WireName;
        context.Log().IsOver = true;
        context.Abort();
    }

    private void EndRevoked(IReadOnlySet<string> unrevokedIds)
    {
        foreach (var (running, keyId) in _running)
        {
            if (!unrevokedIds.Contains(keyId))
            {
                running.Revoke();
            }
        }
    }

    private sealed class Running(CancellationToken left) : IDisposable
    {
        private readonly Lock _lock = new();
        private bool _disposed;

        public CancellationTokenSource Ended { get; } = CancellationTokenSource.CreateLinkedTokenSource(left);

        public bool IsRevoked { get; private set; }

        public void Revoke()
        {
            lock (_lock)
            {
                if (_disposed)
                {
                    return;
                }

                IsRevoked = true;
            }

            // Not under the lock: a callback may end this very request.
            try
            {
                Ended.Cancel();
            }
            catch (ObjectDisposedException)
            {
                return; // The request has just ended by itself.
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _disposed = true;
            }

            Ended.Dispose();
        }
    }
}
