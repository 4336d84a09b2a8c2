namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A variable that is set here and not given to Claude Code.</summary>
/// <param name="Name">Its name.</param>
/// <param name="UsedBy">The mode of <c>CLAUDE_AUTH</c> that uses it; null when no mode does.</param>
internal sealed record StrayVariable(string Name, ClaudeAuth? UsedBy);
