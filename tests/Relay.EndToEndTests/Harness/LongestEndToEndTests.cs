[assembly: TestCollectionOrderer(typeof(Relay.EndToEndTests.Harness.LongestEndToEndTests))]

namespace Relay.EndToEndTests.Harness;

/// <summary>The end-to-end tests that start first.</summary>
public sealed class LongestEndToEndTests()
    : LongestFirst(
        nameof(InstallTests),
        nameof(RealRelay),
        nameof(RelayPerSandbox),
        nameof(FleetTests),
        nameof(LockdownTests),
        nameof(UpstreamFailureTests),
        nameof(PoolTests),
        nameof(CancellationTests),
        nameof(TestInternet),
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
        nameof(BrokenCliTests)
    );
