using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// Classes that ask one relay over the real CLI, one after the other. A class that takes half a minute or more has a relay to itself
/// (<c>IClassFixture</c>), for the classes of a collection wait for each other.
/// </summary>
[CollectionDefinition(nameof(RealRelay))]
public sealed class RealRelayTests : ICollectionFixture<RealRelay>;

/// <summary>
/// A relay over the real CLI and a simulated API, with one key. The API answers with the caller's words, and otherwise what a test
/// asks for depends on its prompt only, so that nobody disturbs another.
/// </summary>
public sealed class RealRelay : IAsyncLifetime
{
    /// <summary>The API behind the CLI.</summary>
    internal Simulator Api { get; private set; } = null!;

    /// <summary>The relay.</summary>
    internal RelayProgram Program { get; private set; } = null!;

    /// <summary>A key that works.</summary>
    internal string Key { get; private set; } = null!;

    /// <summary>Its address, without a slash at the end.</summary>
    internal string Url => Program.Http.BaseAddress!.ToString().TrimEnd('/');

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Api = await Simulator.StartAsync(ct: TestContext.Current.CancellationToken);
        Api.Default = new Behavior { Echo = true };
        Program = await RelayProgram.WithRealClaudeAsync(
            Api,
            ("WARM_PROCESSES", "1"),
            ("GLOBAL_DAILY", "10000000"),
            ("PER_KEY_DAILY", "10000000"),
            ("MODEL_ALIASES", "gpt-4o=sonnet")
        );
        Key = await Program.MintAsync("app");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Program.DisposeAsync();
        await Api.DisposeAsync();
    }

    /// <summary>The requests that the API saw with these words in their last turn.</summary>
    internal IReadOnlyList<RecordedRequest> RequestsOf(string words) =>
        [.. Api.Requests.Where(request => request.LastUserText.Contains(words, StringComparison.Ordinal))];
}
