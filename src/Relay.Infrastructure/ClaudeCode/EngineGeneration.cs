namespace Relay.Infrastructure.ClaudeCode;

/// <summary>An executable and the self-test that it passed. Processes of an earlier generation are never used.</summary>
internal sealed record EngineGeneration(int Number, ClaudeBinary Binary, Version Version);

/// <summary>The facts that a process shows before its first real turn. <c>IsLoggedIn</c> is null when it did not say.</summary>
internal sealed record PreparedProcess(string? Violation, bool? IsLoggedIn, bool AcceptsSchema);
