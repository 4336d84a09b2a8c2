using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Relay.Application.Serving;

namespace Relay.Api.Hosting;

/// <summary>
/// Closes connections that are silent for HEADER_TIMEOUT before, between and after their requests, until one of those requests had a good
/// key. Kestrel has one time limit for all silent connections, <see cref="KeepAlive"/>: a stranger could hold each connection for that
/// time.
/// </summary>
internal sealed class SilentConnections(IOptions<ServerOptions> options, TimeProvider clock)
{
    /// <summary>
    /// The time for which a connection with a good key may be silent. It is longer than the two minutes of common proxies: the proxy
    /// closes first, and never sends a request into a connection that is being closed here.
    /// </summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(150);

    public async Task WatchAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        using var silence = new Silence(
            connection.Features.GetRequiredFeature<IConnectionLifetimeNotificationFeature>(),
            options.Value.HeaderTimeout,
            clock
        );
        connection.Features.Set(silence);
        await next(connection);
    }

    /// <summary>Pauses the watch during a request.</summary>
    public static async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<Silence>() is not { } silence)
        {
            await next(context);
            return;
        }

        silence.Pause();
        try
        {
            await next(context);
        }
        finally
        {
            silence.Resume();
        }
    }

    /// <summary>Notes that a request of the connection had a good key.</summary>
    public static void Trust(HttpContext context) => context.Features.Get<Silence>()?.Trust();

    private sealed class Silence : IDisposable
    {
        private readonly TimeSpan _limit;
        private readonly ITimer _timer;
        private volatile bool _isTrusted;

        public Silence(IConnectionLifetimeNotificationFeature connection, TimeSpan limit, TimeProvider clock)
        {
            _limit = limit;
            // Closed, not aborted: a head that has begun to arrive has Kestrel's own time limit.
            _timer = clock.CreateTimer(
                static state => ((IConnectionLifetimeNotificationFeature)state!).RequestClose(),
                connection,
                limit,
                Timeout.InfiniteTimeSpan
            );
        }

        public void Trust() => _isTrusted = true;

        public void Pause() => _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public void Resume()
        {
            if (!_isTrusted)
            {
                _timer.Change(_limit, Timeout.InfiniteTimeSpan);
            }
        }

        public void Dispose() => _timer.Dispose();
    }
}
