using Relay.Domain;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The end of a turn.</summary>
internal abstract record TurnOutcome
{
    public sealed record Answered(string Text, string? StopReason, TokenUsage Usage) : TurnOutcome
    {
        public string? StopSequence { get; init; }

        /// <summary>Whether the text is an object that fits the schema asked for.</summary>
        public bool IsStructured { get; init; }

        /// <summary>All parts of the answer, in order; null for an answer of text alone.</summary>
        public IReadOnlyList<AnswerBlock>? Content { get; init; }
    }

    /// <summary>The turn ended with a failure that callers may see.</summary>
    public sealed record Failed(RelayError Error) : TurnOutcome;

    /// <summary>
    /// The turn ended with a process that failed its lockdown check, which puts the engine out of service for all. Only for causes other
    /// than a caller, the model or the API (docs/decisions/0004-failures.md lists them); every other end is <see cref="Failed"/>.
    /// </summary>
    public sealed record Violated(string Detail) : TurnOutcome
    {
        /// <summary>Whether the gate found it and forwarded nothing: then only the process is in doubt.</summary>
        public bool IsOfGate { get; init; }
    }
}
