using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Relay.Application;

namespace Relay.Api.Telemetry;

/// <summary>
/// Begins and ends what measures: before the first request its series are there, and after the last one everything is
/// exported, within a bounded time and all at once, whatever the collector does.
/// </summary>
internal sealed class TelemetryService(IServiceProvider services) : IHostedService
{
    /// <summary>Longest wait for the collector, each time and at the end.</summary>
    public const int PatienceMilliseconds = 3000;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        services.GetRequiredService<MeterProvider>();
        services.ShowMetrics();
        services.GetService<ExportFailures>();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(PatienceMilliseconds), CancellationToken.None),
            Task.Run(() => services.GetRequiredService<MeterProvider>().Shutdown(PatienceMilliseconds), CancellationToken.None),
            Task.Run(() => services.GetService<LoggerProvider>()?.Shutdown(PatienceMilliseconds), CancellationToken.None)
        );
}
