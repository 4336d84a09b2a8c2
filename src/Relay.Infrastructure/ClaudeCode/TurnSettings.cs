using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The settings of a turn that a process keeps until they are set anew.</summary>
/// <param name="Effort">The effort; null for Claude Code's default.</param>
/// <param name="MaxOutputTokens">The cap on the answer.</param>
/// <param name="ExtraBody">The fields that Claude Code lays over its request's body, as JSON; empty for none.</param>
internal sealed record TurnSettings(Effort? Effort, int MaxOutputTokens, string ExtraBody)
{
    /// <summary>Hides the caller's stop sequences.</summary>
    public override string ToString() => $"TurnSettings {{ {Effort}, {MaxOutputTokens}, *** }}";
}
