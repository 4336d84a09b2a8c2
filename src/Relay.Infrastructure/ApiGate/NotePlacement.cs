namespace Relay.Infrastructure.ApiGate;

/// <summary>The place of Claude Code's note on the environment. For older models it is inside the last user message.</summary>
internal enum NotePlacement
{
    /// <summary>In a message of the role <c>system</c> after the last user message.</summary>
    SystemMessage,

    /// <summary>In <c>system-reminder</c> blocks at the head of the last user message.</summary>
    Reminders,
    Absent,
}
