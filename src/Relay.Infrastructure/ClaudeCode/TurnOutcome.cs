using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>How a turn ended.</summary>
internal abstract record TurnOutcome
{
    /// <summary>With an answer.</summary>
    public sealed record Answered(string Text, string? StopReason, TokenUsage Usage) : TurnOutcome
    {
        /// <summary>The stop sequence that ended it; null when none did.</summary>
        public string? StopSequence { get; init; }

        /// <summary>Whether the text is an object that fits the schema asked for.</summary>
        public bool IsStructured { get; init; }

        /// <summary>All parts of the answer, in order; null for an answer that is nothing but its text.</summary>
        public IReadOnlyList<AnswerBlock>? Content { get; init; }
    }

    /// <summary>With a failure that callers may see.</summary>
    public sealed record Failed(RelayError Error) : TurnOutcome;

    /// <summary>
    /// With a process that is not what it should be: the engine goes out of service for all. Only for what neither a caller nor
    /// the model nor the API can cause (docs/decisions/0004-failures.md lists why); anything else is <see cref="Failed"/>.
    /// </summary>
    public sealed record Violated(string Detail) : TurnOutcome
    {
        /// <summary>Whether the gate found it, and let nothing out: then only the process is in doubt.</summary>
        public bool IsOfGate { get; init; }
    }
}
