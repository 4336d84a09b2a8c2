namespace Relay.Infrastructure.ClaudeCode;

/// <summary>One state of the world in which a self-test passed: processes of another are never used.</summary>
/// <param name="Number">Counts up.</param>
/// <param name="Binary">The executable.</param>
/// <param name="Version">What it says it is.</param>
internal sealed record EngineGeneration(int Number, ClaudeBinary Binary, Version Version);

/// <summary>What a process showed of itself before its first real turn.</summary>
/// <param name="Violation">What is not locked down; null when all is.</param>
/// <param name="IsLoggedIn">Null when it did not say.</param>
/// <param name="AcceptsSchema">Whether the schema, if there was one, is a schema.</param>
internal sealed record PreparedProcess(string? Violation, bool? IsLoggedIn, bool AcceptsSchema);
