using Microsoft.Extensions.Options;
using Relay.Application.Quotas;
using Relay.Application.Serving;

namespace Relay.Api.Hosting;

/// <summary>
/// Drains the relay after a stop. No new request is let in, but the server keeps listening to say so and to answer <c>/health/ready</c>.
/// Running requests may end; those that outlast <c>DRAIN_TIMEOUT</c> are cut. The host may take longer than the drain, by
/// <see cref="Afterwards"/>. With equal limits the host would give up at the end of the drain: no process would stop in order, no audit
/// line would be written, and the exit code would be that of a crash.
/// </summary>
internal sealed class Drain : IMiddleware, IHostedLifecycleService, IDisposable
{
    /// <summary>The time that the rest of the relay may take to end, after the last request.</summary>
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
            // At the signal: the host calls StoppingAsync only later.
            _ = _admission.CloseAsync(CancellationToken.None);
            _over.CancelAfter(options.Value.DrainTimeout);
        });
    }

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        await using var cut = _over.Token.UnsafeRegister(static state => ((HttpContext)state!).Abort(), context);
        await next(context);
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _admission.CloseAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _logger.LogError(
                "Requests were cut after DRAIN_TIMEOUT and still have not ended. They end with the process. "
                    + "Report this with the end of the log"
            );
            throw;
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _stopping.Dispose();
        _over.Dispose();
    }
}
