using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;

namespace Relay.Api.Responses;

/// <summary>An item of a conversation.</summary>
[OneOf(
    typeof(ResponseSystemMessage),
    typeof(ResponseUserMessage),
    typeof(ResponseAssistantMessage),
    typeof(ResponseCallParam),
    typeof(ResponseCallOutputParam),
    typeof(ResponseReasoningItem),
    typeof(ResponseItemReference)
)]
internal sealed record ResponseItemParam;

/// <summary>Instructions. Wherever they are, they come after the system prompt, in order, joined by an empty line.</summary>
[LenientContract]
internal sealed record ResponseSystemMessage
{
    /// <summary><c>message</c>, or missing.</summary>
    [Values("message")]
    public string? Type { get; init; }

    /// <summary>The side of the message.</summary>
    [Values("system", "developer")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? Content { get; init; }
}

/// <summary>A message of the user. Other fields have no effect.</summary>
[LenientContract]
internal sealed record ResponseUserMessage
{
    /// <summary><c>message</c>, or missing.</summary>
    [Values("message")]
    public string? Type { get; init; }

    [Values("user")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of blocks. At least one block has a visible text, a picture or a document.</summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<ResponseUserBlock>))]
    [Keywords(
        """
            {"contains":{"anyOf":[
              {"type":"object","required":["type"],"properties":{"type":{"enum":["image_url","input_image","input_file"]}}},
              {"type":"object","required":["type","text"],"properties":{"type":{"enum":["text","input_text","output_text"]},"text":{"type":"string","pattern":"\\S"}}}]}}
            """
    )]
    public required object Content { get; init; }
}

/// <summary>A message of the model, as it came. The relay leaves an empty one out. Other fields have no effect.</summary>
[LenientContract]
internal sealed record ResponseAssistantMessage
{
    /// <summary><c>message</c>, or missing.</summary>
    [Values("message")]
    public string? Type { get; init; }

    [Values("assistant")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? Content { get; init; }
}

/// <summary>A block of a message of the user.</summary>
[OneOf(typeof(CompatibleTextBlock), typeof(ChatImageBlock), typeof(ResponseFileBlock), typeof(CompatibleThinkingBlock))]
internal sealed record ResponseUserBlock;

/// <summary>
/// A PDF, or a text in UTF-8. Its bytes decide its type. The relay does not know files that were uploaded elsewhere (<c>file_id</c>).
/// </summary>
[LenientContract]
internal sealed record ResponseFileBlock
{
    [Values("input_file")]
    public required string Type { get; init; }

    /// <summary>The file as base64, or as a data URL with base64.</summary>
    [RegularExpression("^(data:[a-z]+/[a-z0-9.+-]+;base64,)?JVBERi[A-Za-z0-9+/]+={0,2}$")]
    public required string FileData { get; init; }

    /// <summary>The name of the file. The model sees it as the title of the document.</summary>
    public string? Filename { get; init; }
}

/// <summary>A call of a function, from an earlier answer. One of the next items has its result.</summary>
[LenientContract]
internal sealed record ResponseCallParam
{
    [Values("function_call")]
    public required string Type { get; init; }

    /// <summary>The id of the call. Its result names it.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string CallId { get; init; }

    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>The text of a JSON object. When missing or blank: an empty object.</summary>
    public string? Arguments { get; init; }
}

/// <summary>The result of a call.</summary>
[LenientContract]
internal sealed record ResponseCallOutputParam
{
    [Values("function_call_output")]
    public required string Type { get; init; }

    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string CallId { get; init; }

    /// <summary>A text, or a list of blocks.</summary>
    [Keywords("""{"type":["string","array","null"]}""", Alone = true)]
    public object? Output { get; init; }
}

/// <summary>Thoughts of an earlier answer. The relay leaves them out.</summary>
[LenientContract]
internal sealed record ResponseReasoningItem
{
    [Values("reasoning")]
    public required string Type { get; init; }
}

/// <summary>
/// An item of an earlier answer, in place of the item: an id that this key got and that holds its item. Others are refused. The relay
/// leaves references to thoughts out.
/// </summary>
[LenientContract]
internal sealed record ResponseItemReference
{
    [Values("item_reference")]
    public required string Type { get; init; }

    /// <summary>The id of the item, as it came.</summary>
    [RegularExpression("^(msg|fc|rs)_[A-Za-z0-9_.-]+$")]
    public required string Id { get; init; }
}
