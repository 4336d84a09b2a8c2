using System.Diagnostics.Metrics;

namespace Relay.Application.Telemetry;

/// <summary>Bounds of the buckets of histograms, those of OpenTelemetry's conventions where there are some. Times are in seconds.</summary>
internal static class MetricBuckets
{
    /// <summary>The buckets of the convention, and further ones up to the usual end of an answer.</summary>
    public static InstrumentAdvice<double> RequestSeconds { get; } =
        Buckets(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120);

    public static InstrumentAdvice<double> OperationSeconds { get; } =
        Buckets(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92);

    public static InstrumentAdvice<double> FirstTokenSeconds { get; } =
        Buckets(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);

    public static InstrumentAdvice<double> PerTokenSeconds { get; } =
        Buckets(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5);

    public static InstrumentAdvice<double> WaitSeconds { get; } = Buckets(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60);

    public static InstrumentAdvice<long> Tokens { get; } =
        new() { HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864] };

    private static InstrumentAdvice<double> Buckets(params double[] boundaries) => new() { HistogramBucketBoundaries = boundaries };
}
