using Microsoft.Extensions.Options;
using Relay.Application.Quotas;
using Relay.Application.Serving;

namespace Relay.Api.Hosting;

/// <summary>
/// The way from a stop that was asked for to the end: nothing new is let in, while the door stays open to say so and to answer
/// <c>/health/ready</c>; what runs may end; what outlasts <c>DRAIN_TIMEOUT</c> is cut. Left to the host's own time limit, the
/// end of the drain would be the end of everything: no process stopped in order, no audit line written, and an exit code of a
/// crash.
/// </summary>
internal sealed class Drain : IMiddleware, IHostedLifecycleService, IDisposable
{
    /// <summary>What the rest of the relay may take to end, once no request runs any more.</summary>
    public static readonly TimeSpan Afterwards = TimeSpan.FromSeconds(10);

    private readonly IAdmission _admission;
    private readonly ILogger<Drain> _logger;
    private readonly CancellationTokenSource _over;
    private readonly CancellationTokenRegistration _stopping;

    public Drain(
        IAdmission admission,
        IHostApplicationLifetime lifetime,
        IOptions<ServerOptions> options,
        TimeProvider clock,
        ILogger<Drain> logger
    )
    {
        (_admission, _logger) = (admission, logger);
        _over = new CancellationTokenSource(Timeout.InfiniteTimeSpan, clock);
        _stopping = lifetime.ApplicationStopping.Register(() =>
        {
            _ = _admission.CloseAsync(CancellationToken.None);
            _over.CancelAfter(options.Value.DrainTimeout);
        });
    }

    /// <inheritdoc/>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        await using var cut = _over.Token.UnsafeRegister(static state => ((HttpContext)state!).Abort(), context);
        await next(context);
    }

    /// <summary>Comes before the server stops to listen.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _admission.CloseAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _logger.LogError("Requests still run, although their time to end is over");
            throw;
        }
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _over.Dispose();
    }
}
