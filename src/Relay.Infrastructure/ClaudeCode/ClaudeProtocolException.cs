namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Reports that Claude Code broke its protocol, or ended. The message says how, without a caller's data.</summary>
internal sealed class ClaudeProtocolException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it ran out of time, or was killed by a signal, as the kernel does when a process needs too much memory.</summary>
    public bool WasTooMuch { get; init; }

    /// <summary>Whether its requests have another form than Claude Code's own: no caller, no model and no API can cause that.</summary>
    public bool IsDifference { get; init; }
}
