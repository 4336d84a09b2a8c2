using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Options;
using Relay.Application.Serving;

namespace Relay.Api.Hosting;

/// <summary>
/// Tells systemd how long a stop may take. The unit does not know <c>DRAIN_TIMEOUT</c>: without this, a longer drain would end in a
/// SIGKILL at the unit's <c>TimeoutStopSec</c>. <see cref="SystemdLifetime"/> tells that the relay has started and is stopping.
/// </summary>
internal sealed class SystemdNotices(ISystemdNotifier systemd, IHostApplicationLifetime lifetime, IOptions<ServerOptions> options)
    : IHostedService
{
    /// <summary>The time from the last line of the relay to its end as systemd sees it.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStopping.Register(AnnounceStop);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void AnnounceStop()
    {
        var longest = options.Value.DrainTimeout + Drain.Afterwards + Margin;
        systemd.Notify(
            new ServiceState(string.Create(CultureInfo.InvariantCulture, $"EXTEND_TIMEOUT_USEC={(long)longest.TotalMicroseconds}"))
        );
    }
}
