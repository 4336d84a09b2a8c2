using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>Ends of a turn without an answer that neither the API nor Claude Code has reported.</summary>
internal static class TurnErrors
{
    /// <summary>The turn began before its control requests were answered.</summary>
    public static TurnOutcome.Failed NotTaken { get; } = Upstream("Claude Code did not take the system prompt or the model.");

    /// <summary>A process without the tool that its schema brought can do less than expected, not more.</summary>
    public static TurnOutcome.Failed NoSchemaTool { get; } = Upstream("Claude Code did not take the schema. Try again.");

    public static TurnOutcome.Failed NotForwarded { get; } =
        Upstream(
            "Claude Code changed the request, so the relay did not send it. Try again; if it happens again, tell the relay's operator."
        );

    public static TurnOutcome.Failed ToolUse { get; } =
        Upstream("The model tried to use a tool, and the request declares none. Ask it to answer in text.");

    public static TurnOutcome.Failed UndeclaredTool { get; } =
        Upstream("The model called a tool that the request does not declare. Try again.");

    public static TurnOutcome.Failed BrokenCall { get; } =
        Upstream("The model called a tool with an input that is not a JSON object. Try again.");

    public static TurnOutcome.Failed BrokenOff { get; } = Upstream("The answer broke off in the middle. Try again.");

    /// <summary>An answer with half of a surrogate pair can't be written as JSON.</summary>
    public static TurnOutcome.Failed InvalidUnicode { get; } =
        Upstream("The answer holds invalid Unicode: half of a surrogate pair. Try again.");

    public static TurnOutcome.Failed CutOff { get; } =
        Unsatisfied("The answer was cut at its cap on tokens before it fitted the schema. Ask for less, or for a higher cap.");

    public static TurnOutcome.Failed NotSatisfied { get; } =
        Unsatisfied(
            $"The model was asked up to {ClaudeLockdown.SchemaAttempts} times, and no answer fitted the schema. Simplify it, or say in the "
                + "prompt what belongs where."
        );

    private static TurnOutcome.Failed Upstream(string message) => new(new RelayError(ErrorCode.UpstreamError, message));

    private static TurnOutcome.Failed Unsatisfied(string message) => new(new RelayError(ErrorCode.SchemaNotSatisfied, message));
}
