using System.Diagnostics.Tracing;

namespace Relay.Api.Telemetry;

/// <summary>
/// Tells the operator once a minute that the collector does not accept data. OpenTelemetry's SDK tells this to event listeners only, and
/// may do so with every batch. The SDK's text is not repeated, because it may hold addresses.
/// </summary>
internal sealed class ExportFailures(TimeProvider clock, ILogger<ExportFailures> logger) : EventListener
{
    private const string Exporter = "OpenTelemetry-Exporter-OpenTelemetryProtocol";

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private long? _saidAt;

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == Exporter)
        {
            EnableEvents(eventSource, EventLevel.Warning);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventSource.Name != Exporter || eventData.Level > EventLevel.Warning)
        {
            return; // Listeners see sources of other libraries, too.
        }

        lock (_lock)
        {
            if (_saidAt is { } saidAt && clock.GetElapsedTime(saidAt) < Pause)
            {
                return;
            }

            _saidAt = clock.GetTimestamp();
        }

        logger.LogWarning(
            "The OpenTelemetry collector does not accept data ({Failure}), so the data is dropped. " + "Check OTEL_EXPORTER_OTLP_ENDPOINT",
            eventData.EventName
        );
    }
}
