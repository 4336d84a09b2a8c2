namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Whether Claude Code runs in a jail.</summary>
public enum SandboxMode
{
    /// <summary>With bubblewrap where it works.</summary>
    Auto,

    /// <summary>With bubblewrap; without it nothing runs.</summary>
    Bwrap,

    /// <summary>Without.</summary>
    Off,
}
