using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.OpenAi;

/// <summary>A message of a conversation.</summary>
[OneOf(typeof(CompatibleSystemMessage), typeof(ChatUserMessage), typeof(ChatAssistantMessage), typeof(ChatToolMessage))]
internal sealed record ChatMessageParam;

/// <summary>A message of the user. Other fields have no effect.</summary>
[LenientContract]
internal sealed record ChatUserMessage
{
    [Values("user")]
    public required string Role { get; init; }

    /// <summary>
    /// A text, or a list of blocks. At least one block has a visible text, a picture, a document or the result of a call.
    /// </summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<ChatUserBlock>))]
    [Keywords(
        """
            {"contains":{"anyOf":[
              {"type":"object","required":["type"],"properties":{"type":{"enum":["image_url","input_image","file"]}}},
              {"type":"object","required":["type","text"],"properties":
                  {"type":{"enum":["text","input_text","output_text"]},"text":{"type":"string","pattern":"\\S"}}}]}}
            """
    )]
    public required object Content { get; init; }
}

/// <summary>A block of a message of the user.</summary>
[OneOf(typeof(CompatibleTextBlock), typeof(ChatImageBlock), typeof(ChatFileBlock), typeof(CompatibleThinkingBlock))]
internal sealed record ChatUserBlock;

/// <summary>A picture, in OpenAI's format: png, jpeg, gif or webp. The bytes of the picture decide its type.</summary>
[LenientContract]
internal sealed record ChatImageBlock
{
    /// <summary>The type of the block.</summary>
    [Values("image_url", "input_image")]
    public required string Type { get; init; }

    /// <summary>The URL, or an object with it.</summary>
    [OneOf(typeof(ChatImageUrl), typeof(ChatImageUrlHolder))]
    public required object ImageUrl { get; init; }
}

/// <summary>
/// A data URL with a picture of at most 5 MB and 8,000 pixels per side, or an HTTPS URL. Anthropic fetches such a URL; the relay never
/// does.
/// </summary>
[Keywords(
    """{"type":"string","pattern":"^(data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]{14,}={0,2}|https://[a-z0-9.-]+/.*)$"}""",
    Alone = true
)]
internal sealed record ChatImageUrl;

/// <summary>An object with the URL of a picture.</summary>
[LenientContract]
internal sealed record ChatImageUrlHolder
{
    /// <summary>
    /// A data URL with a picture of at most 5 MB and 8,000 pixels per side, or an HTTPS URL. Anthropic fetches such a URL; the relay
    /// never does.
    /// </summary>
    [Keywords("""{"pattern":"^(data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]{14,}={0,2}|https://[a-z0-9.-]+/.*)$"}""")]
    public required string Url { get; init; }

    /// <summary>Ignored.</summary>
    public object? Detail { get; init; }
}

/// <summary>A PDF, or a text in UTF-8, in OpenAI's format. The bytes of the file decide its type.</summary>
[LenientContract]
internal sealed record ChatFileBlock
{
    [Values("file")]
    public required string Type { get; init; }

    /// <summary>The file.</summary>
    public required ChatFile File { get; init; }
}

/// <summary>A file. The relay does not know files that were uploaded elsewhere (<c>file_id</c>).</summary>
[LenientContract]
internal sealed record ChatFile
{
    /// <summary>The file as base64, or as a data URL with base64.</summary>
    [RegularExpression("^(data:[a-z]+/[a-z0-9.+-]+;base64,)?JVBERi[A-Za-z0-9+/]+={0,2}$")]
    public required string FileData { get; init; }

    /// <summary>The name of the file. The model sees it as the title of the document.</summary>
    public string? Filename { get; init; }
}

/// <summary>
/// A message of the model. The relay leaves an empty message out, and tells the model about a message before the first message of
/// the user. Other fields have no effect.
/// </summary>
[LenientContract]
internal sealed record ChatAssistantMessage
{
    [Values("assistant")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? Content { get; init; }

    /// <summary>Calls of functions, as in an answer. The next messages have their results.</summary>
    [OneOf(typeof(IReadOnlyList<ChatToolCallParam>))]
    public object? ToolCalls { get; init; }

    /// <summary>The older form of <c>tool_calls</c>.</summary>
    [OneOf(typeof(ChatFunctionCallParam), typeof(EmptyList))]
    public object? FunctionCall { get; init; }
}

/// <summary>A call of a function, from an earlier answer.</summary>
[LenientContract]
internal sealed record ChatToolCallParam
{
    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Id { get; init; }

    /// <summary><c>function</c>, or missing.</summary>
    [Values("function")]
    public string? Type { get; init; }

    /// <summary>The function and its arguments.</summary>
    public required ChatFunctionCallParam Function { get; init; }
}

/// <summary>A function and its arguments.</summary>
[LenientContract]
internal sealed record ChatFunctionCallParam
{
    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>The arguments: the text of a JSON object.</summary>
    public required string Arguments { get; init; }
}

/// <summary>The result of a call of a function.</summary>
[LenientContract]
internal sealed record ChatToolMessage
{
    /// <summary><c>tool</c>, or <c>function</c> for the older form.</summary>
    [Values("tool", "function")]
    public required string Role { get; init; }

    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public string? ToolCallId { get; init; }

    /// <summary>The name of the function, for the older form.</summary>
    public string? Name { get; init; }

    /// <summary>A text, or a list of blocks.</summary>
    [Keywords("""{"type":["string","array","null"]}""", Alone = true)]
    public object? Content { get; init; }
}
