namespace Relay.EndToEndTests.Harness;

/// <summary>
/// For classes that hold the relay to milliseconds (a process must be gone before Claude Code calls the API once more): they run
/// one after the other, when nothing else does.
/// </summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
