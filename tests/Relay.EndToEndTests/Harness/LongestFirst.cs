using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Relay.EndToEndTests.Harness.LongestFirst))]

namespace Relay.EndToEndTests.Harness;

/// <summary>Starts with what takes minutes: last, it would keep one core busy while the other has nothing left to do.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>Classes, and collections by their names, in the order of what they take.</summary>
    private static readonly string[] Long =
    [
        nameof(InstallTests), nameof(RealRelay), nameof(FleetTests), nameof(RelayPerSandbox), nameof(IsolationTests), nameof(LockdownTests), nameof(FetchScenarioTests), nameof(CommandsInDocumentsTests),
        nameof(KeyCommandTests), nameof(CancellationTests), nameof(OperatorCommandTests), nameof(PlantedHomeTests), nameof(PoolTests), nameof(LockdownViolationTests), nameof(DoctorTests),
        nameof(LeftoversTests), nameof(DashboardBrowserTests), nameof(AdmissionTests),
    ];

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(collection => Array.FindIndex(Long, name => IsOf(collection, name)) is var index and >= 0 ? index : int.MaxValue)];

    private static bool IsOf(ITestCollection collection, string name) =>
        collection.TestCollectionDisplayName == name || collection.TestCollectionDisplayName.StartsWith($"Test collection for {typeof(LongestFirst).Assembly.GetName().Name}.{name} ", StringComparison.Ordinal);
}
