namespace Relay.EndToEndTests.Harness;

/// <summary>For classes that change the machine for every relay on it: they run one after the other, after all the others.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
