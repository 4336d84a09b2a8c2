using Relay.Domain;

namespace Relay.Application.Health;

/// <summary>The status of the completion engine.</summary>
/// <param name="ClaudeVersion">The version in use; null before one has passed the self-test.</param>
/// <param name="Sandbox"><c>bwrap</c>, or <c>off</c> with the reason in <paramref name="SandboxNote"/>.</param>
/// <param name="SandboxNote">The reason why there is no jail; null with one.</param>
/// <param name="LockdownVerified">Whether the last self-test passed.</param>
/// <param name="Problems">The problems that keep the engine from working; empty when it works.</param>
public sealed record EngineStatus(
    string? ClaudeVersion,
    string Sandbox,
    string? SandboxNote,
    bool LockdownVerified,
    IReadOnlyList<RelayError> Problems
)
{
    /// <summary>UTC; the time of the self-test that counts now; null when none passed.</summary>
    public DateTimeOffset? LockdownVerifiedAt { get; init; }

    /// <summary>The time when the Claude login ends and has to be made again; null when it is unknown.</summary>
    public DateTimeOffset? LoginEndsAt { get; init; }
}
