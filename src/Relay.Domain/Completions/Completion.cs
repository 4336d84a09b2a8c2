using Relay.Domain.Models;

namespace Relay.Domain.Completions;

/// <summary>A finished answer. <see cref="Text"/> is the model's and must never be logged.</summary>
/// <param name="Model">The model that answered, as Anthropic's API names it; the one asked for when the API did not say.</param>
/// <param name="Text">The answer.</param>
/// <param name="StopReason">
/// Why the model stopped, in Anthropic's words (<c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, <c>tool_use</c>, …).
/// </param>
/// <param name="Usage">Tokens and cost.</param>
/// <param name="Timings">The time of each step.</param>
public sealed record Completion(ModelName Model, string Text, string? StopReason, TokenUsage Usage, CompletionTimings Timings)
{
    /// <summary>The stop sequence that ended it; null when none did.</summary>
    public string? StopSequence { get; init; }

    /// <summary>All parts in the order in which the model wrote them; <see cref="Text"/> holds the words of all of them.</summary>
    public IReadOnlyList<AnswerBlock> Content { get; init; } = Text.Length == 0 ? [] : [new AnswerText(Text)];

    /// <summary>Calls of the caller's tools, in order.</summary>
    public IEnumerable<ToolCall> ToolCalls => Content.OfType<AnswerCall>().Select(block => block.Call);

    /// <summary>Whether <see cref="Text"/> is a JSON object that fits the schema asked for.</summary>
    public bool IsStructured { get; init; }

    /// <summary>Hides the text.</summary>
    public override string ToString() => $"Completion {{ Model = {Model}, Text = ***, StopReason = {StopReason} }}";
}

/// <summary>Tokens and money of one completion, as Claude Code reports them.</summary>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's prompt cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's prompt cache.</param>
/// <param name="CostUsd">
/// US dollars by list price, also on a subscription; null for an answer cut at the output cap, which ends before Claude
/// Code has summed it up.
/// </param>
public sealed record TokenUsage(
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    decimal? CostUsd
);

/// <summary>The time of each step of one completion inside the engine. Each step begins at the end of the one before.</summary>
/// <param name="Origin">The origin of the process.</param>
/// <param name="Claim">Getting a process: next to nothing from the pool, a process start when cold.</param>
/// <param name="Write">From having a process to the last byte of the prompt in its stdin.</param>
/// <param name="FirstToken">From there to the model's first words, or to the result when it sent none.</param>
/// <param name="Generate">From there to the result line.</param>
public sealed record CompletionTimings(ProcessOrigin Origin, TimeSpan Claim, TimeSpan Write, TimeSpan FirstToken, TimeSpan Generate);
