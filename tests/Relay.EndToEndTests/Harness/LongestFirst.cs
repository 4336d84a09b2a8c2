using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Relay.EndToEndTests.Harness.LongestFirst))]

namespace Relay.EndToEndTests.Harness;

/// <summary>Starts with the classes that take longest: started last, one of them would still run when all the others have ended.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>Classes, and collections by their names, in the order of what they take.</summary>
    private static readonly string[] Long =
    [
        nameof(InstallTests),
        nameof(RealRelay),
        nameof(RelayPerSandbox),
        nameof(FleetTests),
        nameof(LockdownTests),
        nameof(UpstreamFailureTests),
        nameof(PoolTests),
        nameof(CancellationTests),
        nameof(FetchScenarioTests),
        nameof(ConversationTests),
        nameof(StreamTests),
        nameof(IsolationTests),
        nameof(CommandsInDocumentsTests),
        nameof(PlantedHomeTests),
        nameof(LeftoversTests),
        nameof(DoctorTests),
        nameof(KeyCommandTests),
        nameof(AdmissionTests),
        nameof(LockdownViolationTests),
        nameof(DashboardBrowserTests),
        nameof(ClaudeDiscoveryTests),
        nameof(BrokenCliTests),
    ];

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [
            .. testCollections.OrderBy(collection =>
                Array.FindIndex(Long, name => IsOf(collection, name)) is var index and >= 0 ? index : int.MaxValue
            ),
        ];

    private static bool IsOf(ITestCollection collection, string name) =>
        collection.TestCollectionDisplayName == name
        || collection.TestCollectionDisplayName.StartsWith(
            $"Test collection for {typeof(LongestFirst).Assembly.GetName().Name}.{name} ",
            StringComparison.Ordinal
        );
}
