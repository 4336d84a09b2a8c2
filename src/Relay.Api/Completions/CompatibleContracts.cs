using Relay.Api.OpenApi;

namespace Relay.Api.Completions;

/// <summary>A text. The relay leaves a blank text out.</summary>
[LenientContract]
internal sealed record CompatibleTextBlock
{
    /// <summary>The type of the block.</summary>
    [Values("text", "input_text", "output_text")]
    public required string Type { get; init; }

    /// <summary>The text.</summary>
    public string? Text { get; init; }
}

/// <summary>Earlier thoughts or refusals of the model. The relay leaves them out.</summary>
[LenientContract]
internal sealed record CompatibleThinkingBlock
{
    /// <summary>The type of the block.</summary>
    [Values("thinking", "redacted_thinking", "reasoning", "refusal")]
    public required string Type { get; init; }
}

/// <summary>A block of instructions.</summary>
[OneOf(typeof(CompatibleTextBlock), typeof(CompatibleThinkingBlock))]
internal sealed record CompatibleBlock;

/// <summary>Instructions. Wherever they are, they come after the system prompt, in order, joined by an empty line.</summary>
[LenientContract]
internal sealed record CompatibleSystemMessage
{
    /// <summary>The side of the message.</summary>
    [Values("system", "developer")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? Content { get; init; }
}

/// <summary>
/// A message of the model. The relay leaves an empty message out, and tells the model about a message before the first message of the user.
/// Other fields have no effect.
/// </summary>
[LenientContract]
internal sealed record CompatibleAssistantMessage
{
    [Values("assistant")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleAnswerBlock>))]
    public object? Content { get; init; }
}

/// <summary>A block of an earlier answer.</summary>
[OneOf(typeof(CompatibleTextBlock), typeof(ToolUseParam), typeof(CompatibleThinkingBlock))]
internal sealed record CompatibleAnswerBlock;
