using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Relay.Application;

namespace Relay.Api.Telemetry;

/// <summary>
/// Starts and stops the measuring. The series exist before the first request. After the last one everything is exported at once, within a
/// bounded time, whatever the collector does.
/// </summary>
internal sealed class TelemetryService(IServiceProvider services) : IHostedService
{
    /// <summary>Longest wait for the collector, each time and at the end.</summary>
    public const int PatienceMilliseconds = 3000;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        services.GetRequiredService<MeterProvider>();
        services.ShowMetrics();
        services.GetService<ExportFailures>();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(PatienceMilliseconds), CancellationToken.None),
            Task.Run(() => services.GetRequiredService<MeterProvider>().Shutdown(PatienceMilliseconds), CancellationToken.None),
            Task.Run(() => services.GetService<LoggerProvider>()?.Shutdown(PatienceMilliseconds), CancellationToken.None)
        );
}
