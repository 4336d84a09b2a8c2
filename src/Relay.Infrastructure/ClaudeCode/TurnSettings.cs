using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The settings of a turn that a process keeps until they are set anew. <c>ExtraBody</c> is JSON.</summary>
internal sealed record TurnSettings(Effort? Effort, int MaxOutputTokens, string ExtraBody)
{
    /// <summary>Hides the caller's stop sequences.</summary>
    public override string ToString() => $"TurnSettings {{ {Effort}, {MaxOutputTokens}, *** }}";
}
