using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Relay.Api.OpenApi;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>A block of an answer.</summary>
[OneOf(typeof(TextContract), typeof(ToolUseContract), typeof(ThinkingContract), typeof(RedactedThinkingContract))]
internal sealed record AnyAnswerBlock;

/// <summary>
/// A place in a document that words cite, as Anthropic's API writes it: its type, the cited text, the document and the place in it.
/// </summary>
[Keywords("""{"required":["type"]}""", Alone = true)]
internal sealed record CitationContract;

/// <summary>A thought of an answer.</summary>
[OneOf(typeof(ThinkingContract), typeof(RedactedThinkingContract))]
internal sealed record AnyThought;

/// <summary>Words of an answer.</summary>
/// <param name="Type">Always <c>text</c>.</param>
/// <param name="Text">The words.</param>
internal sealed record TextContract([property: Values("text")] string Type, string Text)
{
    /// <summary>The places in documents that the words cite, as Anthropic's API writes them. Absent without citations.</summary>
    [OneOf(typeof(IReadOnlyList<CitationContract>))]
    public IReadOnlyList<JsonElement>? Citations { get; init; }

    public static TextContract Of(string text) => new("text", text);

    public static TextContract From(AnswerText text) =>
        Of(text.Text) with
        {
            Citations = text.Citations.Count == 0 ? null : [.. text.Citations.Select(citation => JsonElement.Parse(citation))],
        };
}

/// <summary>A call of one of the caller's tools. The next message has its result.</summary>
/// <param name="Type">Always <c>tool_use</c>.</param>
/// <param name="Id">The id of the call. The result names it.</param>
/// <param name="Name">The name of the tool.</param>
/// <param name="Input">The input: a JSON object.</param>
internal sealed record ToolUseContract(
    [property: Values("tool_use")] string Type,
    [property: RegularExpression(Patterns.ToolNameOrId)] string Id,
    [property: RegularExpression(Patterns.ToolNameOrId)] string Name,
    [property: Keywords("""{"type":"object"}""", Alone = true)] JsonElement Input
)
{
    public static ToolUseContract From(ToolCall call) => new("tool_use", call.Id, call.Name, JsonElement.Parse(call.RevealInput()));

    /// <summary>A call whose input is still to come.</summary>
    public static ToolUseContract Begun(string id, string name) => new("tool_use", id, name, JsonElement.Parse("{}"));
}

/// <summary>A thought of the model.</summary>
/// <param name="Type">Always <c>thinking</c>.</param>
/// <param name="Thinking">The words. Empty where the API shows no words.</param>
/// <param name="Signature">The signature of the API.</param>
internal sealed record ThinkingContract([property: Values("thinking")] string Type, string Thinking, string Signature)
{
    public static ThinkingContract From(AnswerThought thought) => new("thinking", thought.Text, thought.Signature ?? string.Empty);
}

/// <summary>A thought that the API shows in encrypted form only.</summary>
/// <param name="Type">Always <c>redacted_thinking</c>.</param>
/// <param name="Data">The encrypted thought.</param>
internal sealed record RedactedThinkingContract([property: Values("redacted_thinking")] string Type, string Data)
{
    public static RedactedThinkingContract From(HiddenThought thought) => new("redacted_thinking", thought.Data);
}

internal static class AnswerBlockContracts
{
    /// <summary>
    /// The blocks of an answer as Anthropic's API writes them: each one of the contracts of this file. An empty answer is one empty text.
    /// </summary>
    public static IReadOnlyList<object> Of(Completion completion) =>
        completion.Content.Count == 0 ? [TextContract.Of(string.Empty)] : [.. completion.Content.Select(Of)];

    public static IReadOnlyList<object> ThoughtsOf(Completion completion) =>
        [.. completion.Content.Where(block => block is AnswerThought or HiddenThought).Select(Of)];

    private static object Of(AnswerBlock block) =>
        block switch
        {
            AnswerText words => TextContract.From(words),
            AnswerCall { Call: var call } => ToolUseContract.From(call),
            AnswerThought thought => ThinkingContract.From(thought),
            HiddenThought hidden => RedactedThinkingContract.From(hidden),
            _ => throw new ArgumentException($"A {block.GetType().Name} has no contract.", nameof(block)),
        };
}
