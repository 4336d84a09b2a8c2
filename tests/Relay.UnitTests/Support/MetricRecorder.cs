using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Relay.Application.Telemetry;

namespace Relay.UnitTests.Support;

/// <summary>Collects one label of one instrument, in the order of its measurements.</summary>
internal sealed class MetricRecorder : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly List<object?> _values = [];

    public MetricRecorder(string instrument, string label)
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        Metrics = Any.Metrics(meters);
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Meter.Scope == meters && published.Name == instrument)
            {
                listener.EnableMeasurementEvents(published);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, _, tags, _) => Note(tags));
        _listener.SetMeasurementEventCallback<double>((_, _, tags, _) => Note(tags));
        _listener.Start();

        void Note(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (name, value) in tags)
            {
                if (name == label)
                {
                    _values.Add(value);
                }
            }
        }
    }

    public RelayMetrics Metrics { get; }

    public IReadOnlyList<object?> Values => _values;

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }
}
