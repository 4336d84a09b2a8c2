namespace Relay.Infrastructure.ClaudeCode;

/// <summary>An executable and the self-test that it passed. Processes of an earlier generation are never used.</summary>
/// <param name="Number">The number of the generation, which counts up.</param>
/// <param name="Binary">The executable.</param>
/// <param name="Version">The version that the executable reports.</param>
internal sealed record EngineGeneration(int Number, ClaudeBinary Binary, Version Version);

/// <summary>The facts that a process shows before its first real turn.</summary>
/// <param name="Violation">The violation of the lockdown; null for none.</param>
/// <param name="IsLoggedIn">Whether it has a login; null when it did not say.</param>
/// <param name="AcceptsSchema">Whether the schema, if there was one, is valid.</param>
internal sealed record PreparedProcess(string? Violation, bool? IsLoggedIn, bool AcceptsSchema);
