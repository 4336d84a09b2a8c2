namespace Relay.Application.Diagnostics;

/// <summary>The area of a check.</summary>
public enum DiagnosticArea
{
    /// <summary>The settings.</summary>
    Configuration,

    /// <summary>Claude Code: executable, login, lockdown, jail.</summary>
    ClaudeCode,

    /// <summary>The files in the relay's home.</summary>
    Home,

    /// <summary>The machine: port and clock.</summary>
    Machine,
}
