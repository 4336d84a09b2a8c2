using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>A block of words, as Anthropic's API writes it.</summary>
internal sealed record TextContract(string Type, string Text)
{
    /// <summary>These words.</summary>
    public static TextContract Of(string text) => new("text", text);
}

/// <summary>A call of one of the caller's tools, as Anthropic's API writes it.</summary>
/// <param name="Type"><c>tool_use</c>.</param>
/// <param name="Id">The call's id: the result names it.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Input">The input: a JSON object.</param>
internal sealed record ToolUseContract(string Type, string Id, string Name, JsonElement Input)
{
    /// <summary>A whole call.</summary>
    public static ToolUseContract From(ToolCall call) => new("tool_use", call.Id, call.Name, JsonElement.Parse(call.RevealInput()));

    /// <summary>A call whose input is still to come.</summary>
    public static ToolUseContract Begun(string id, string name) => new("tool_use", id, name, JsonElement.Parse("{}"));
}

/// <summary>A thought of the model, as Anthropic's API writes it.</summary>
/// <param name="Type"><c>thinking</c>.</param>
/// <param name="Thinking">Its words; empty where the API shows none.</param>
/// <param name="Signature">The API's signature.</param>
internal sealed record ThinkingContract(string Type, string Thinking, string Signature)
{
    /// <summary>A whole thought.</summary>
    public static ThinkingContract From(AnswerThought thought) => new("thinking", thought.Text, thought.Signature ?? string.Empty);
}

/// <summary>A thought that the API shows in encrypted form only, as Anthropic's API writes it.</summary>
/// <param name="Type"><c>redacted_thinking</c>.</param>
/// <param name="Data">The encrypted thought.</param>
internal sealed record RedactedThinkingContract(string Type, string Data)
{
    /// <summary>Such a thought.</summary>
    public static RedactedThinkingContract From(HiddenThought thought) => new("redacted_thinking", thought.Data);
}

internal static class AnswerBlockContracts
{
    /// <summary>The blocks of an answer as Anthropic's API writes them: each one of the contracts of this file. An empty answer is one empty text.</summary>
    public static IReadOnlyList<object> Of(Completion completion) => completion.Content.Count == 0 ? [TextContract.Of(string.Empty)] : [.. completion.Content.Select(Of)];

    /// <summary>The thoughts of an answer as Anthropic's API writes them.</summary>
    public static IReadOnlyList<object> ThoughtsOf(Completion completion) => [.. completion.Content.Where(block => block is AnswerThought or HiddenThought).Select(Of)];

    /// <summary>A block as Anthropic's API writes it.</summary>
    private static object Of(AnswerBlock block) => block switch
    {
        AnswerText words => TextContract.Of(words.Text),
        AnswerCall { Call: var call } => ToolUseContract.From(call),
        AnswerThought thought => ThinkingContract.From(thought),
        HiddenThought hidden => RedactedThinkingContract.From(hidden),
        _ => throw new ArgumentException($"A {block.GetType().Name} has no contract.", nameof(block)),
    };
}
