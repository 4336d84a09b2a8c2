using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The result of a self-test.</summary>
internal abstract record SelfTestReport
{
    private SelfTestReport() { }

    internal sealed record Passed(Version Version) : SelfTestReport;

    /// <param name="Version">The version; null when the executable did not tell it.</param>
    /// <param name="Problem">The error for callers.</param>
    /// <param name="Violation">The finding of the lockdown check; null when another thing failed.</param>
    internal sealed record Failed(Version? Version, RelayError Problem, string? Violation = null) : SelfTestReport;
}
