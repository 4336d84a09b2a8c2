using Microsoft.Extensions.Options;
using Relay.Application.Serving;

namespace Relay.Api.Hosting;

/// <summary>
/// Cuts what outlasts <c>DRAIN_TIMEOUT</c> after a stop was asked for. Left to the host's own time limit, the end of the
/// drain would be the end of everything: no process stopped in order, no audit line written, and an exit code of a crash.
/// </summary>
internal sealed class DrainLimit : IMiddleware, IDisposable
{
    /// <summary>What the rest of the relay may take to end, once no request runs any more.</summary>
    public static readonly TimeSpan Afterwards = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _over;
    private readonly CancellationTokenRegistration _stopping;

    public DrainLimit(IHostApplicationLifetime lifetime, IOptions<ServerOptions> options, TimeProvider clock)
    {
        _over = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        _stopping = lifetime.ApplicationStopping.Register(() => _over.CancelAfter(options.Value.DrainTimeout));
    }

    /// <inheritdoc/>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        await using var cut = _over.Token.UnsafeRegister(static state => ((HttpContext)state!).Abort(), context);
        await next(context);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _over.Dispose();
    }
}
