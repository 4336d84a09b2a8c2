using Relay.AnthropicSimulator;

namespace Relay.EndToEndTests.Harness;

/// <summary>Classes that ask the same two relays, one after the other.</summary>
[CollectionDefinition(nameof(RelayPerSandbox))]
public sealed class RelayPerSandboxTests : ICollectionFixture<RelayPerSandbox>;

/// <summary>
/// One simulated API, and over the real CLI one relay with a jail and one without, started when first asked for and shared
/// by the tests of a class, or of several.
/// </summary>
public class RelayPerSandbox : IAsyncLifetime
{
    private readonly Dictionary<string, (RelayProgram Relay, string Key)> _relays = new(StringComparer.Ordinal);

    /// <summary>Both ways to run, for theories.</summary>
    public static TheoryData<string> Modes => ["bwrap", "off"];

    /// <summary>Both with <c>./test.sh --all</c>; by default the jail alone.</summary>
    public static TheoryData<string> JailedUnlessAll => Extent.IsAll ? Modes : ["bwrap"];

    /// <summary>
    /// Of many samples, those that a mode is tried with: each of them once, every fourth in the jail, which hands stdin and stdout through
    /// as they are; with <c>--long</c> each in both.
    /// </summary>
    internal static IEnumerable<T> SamplesOf<T>(string sandbox, IEnumerable<T> samples) =>
        samples.Where((_, index) => Extent.IsLong || index % 4 == 0 == (sandbox == "bwrap"));

    /// <summary>
    /// The same, as the questions of conversations: four to a request. Claude Code takes each as a separate message, and the last one as
    /// the prompt. With <c>--long</c> each is a prompt.
    /// </summary>
    internal static IEnumerable<T[]> QuestionsOf<T>(string sandbox, IEnumerable<T> samples) =>
        SamplesOf(sandbox, samples).Chunk(Extent.IsLong ? 1 : 4);

    /// <summary>A body that asks these, one after the other; each but the last was answered.</summary>
    internal static object AskingFor(string[] questions, string system) =>
        questions is [var prompt]
            ? new { prompt, system }
            : new
            {
                messages = questions.SelectMany(
                    (question, index) =>
                        index == questions.Length - 1
                            ? (object[])[new { role = "user", content = question }]
                            : [new { role = "user", content = question }, new { role = "assistant", content = "I see." }]
                ),
                system,
            };

    /// <summary>The API behind both.</summary>
    internal Simulator Api { get; private set; } = null!;

    /// <summary>Settings of both.</summary>
    internal virtual (string Name, string Value)[] Settings => [("WARM_PROCESSES", "1")];

    /// <summary>The relay of a mode, and a key for it.</summary>
    internal async Task<(RelayProgram Relay, string Key)> StartedAsync(string sandbox)
    {
        if (!_relays.TryGetValue(sandbox, out var started))
        {
            var relay = await RelayProgram.WithRealClaudeAsync(Api, [("SANDBOX", sandbox), .. Settings]);
            _relays[sandbox] = started = (relay, await relay.MintAsync("app"));
        }

        return started;
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Api = await Simulator.StartAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var (relay, _) in _relays.Values)
        {
            await relay.DisposeAsync();
        }

        await Api.DisposeAsync();
    }
}
