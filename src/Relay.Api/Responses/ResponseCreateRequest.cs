using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;

namespace Relay.Api.Responses;

/// <summary>
/// A request as clients of OpenAI's Responses API send it. The relay stores nothing: send the earlier items in <c>input</c>. Fields that
/// are unknown or have no effect are taken, and named in <c>X-Relay-Ignored</c>.
/// </summary>
[LenientContract]
internal sealed record ResponseCreateRequest : OpenAiFields
{
    /// <summary>
    /// A text, or a list of items, oldest first: messages, and items of earlier answers, as they came. It ends with a message of the user
    /// or with results of calls. At most 500 messages, 20 pictures, 1,000 blocks per message and 5,000 blocks in all.
    /// </summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<ResponseItemParam>))]
    [Keywords(BodyKeywords.SomeUser)]
    public required object Input { get; init; }

    /// <summary>The system prompt. Messages of the system or the developer come after it.</summary>
    public string? Instructions { get; init; }

    /// <summary>Ignored.</summary>
    public object? StreamOptions { get; init; }

    /// <summary>The format of the answer. When missing: text.</summary>
    [OneOf(typeof(ResponseTextParam))]
    public object? Text { get; init; }

    /// <summary>The effort of the model's thinking, and the display of its thoughts.</summary>
    [OneOf(typeof(ResponseReasoningParam))]
    public object? Reasoning { get; init; }

    /// <summary>Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).</summary>
    [Range(1, long.MaxValue)]
    public long? MaxOutputTokens { get; init; }

    /// <summary>Whether the model thinks before it answers, as in Anthropic's API. When missing: Claude Code's own default.</summary>
    [OneOf(typeof(ThinkingOff), typeof(ThinkingOn))]
    public object? Thinking { get; init; }

    /// <summary>
    /// Functions that the caller runs. The model calls them; the relay runs no function. OpenAI's hosted tools are refused.
    /// </summary>
    [OneOf(typeof(IReadOnlyList<ResponseToolParam>), typeof(EmptyObject))]
    [Keywords(ToolKeywords.MaxTools)]
    public object? Tools { get; init; }

    /// <summary>
    /// Whether the model calls a function: as it decides (<c>auto</c>), none, at least one (<c>required</c>), or this one. The last two
    /// need <c>tools</c>.
    /// </summary>
    [OneOf(typeof(ResponseFreeToolChoice), typeof(ResponseOneToolChoice), typeof(EmptyListOrObject))]
    public object? ToolChoice { get; init; }

    /// <summary>Texts for the caller's records. The answer repeats them.</summary>
    [Keywords("""{"type":["object","null"]}""", Alone = true)]
    public object? Metadata { get; init; }

    /// <summary>Id of a user. The answer repeats it.</summary>
    public string? User { get; init; }

    /// <summary>
    /// Parts of an answer that the relay does not have. No effect, and named in <c>X-Relay-Ignored</c>. Logprobs are refused.
    /// </summary>
    [Keywords("""{"type":["array","null"],"items":{"type":"string","not":{"const":"message.output_text.logprobs"}}}""", Alone = true)]
    public object? Include { get; init; }

    /// <summary>The relay stores no responses. Send the earlier items in <c>input</c>.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? PreviousResponseId { get; init; }

    /// <summary>The relay stores no conversations. Send the earlier items in <c>input</c>.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Conversation { get; init; }

    /// <summary>The answer comes with the request. For an answer that takes long, use <c>stream</c>.</summary>
    [Keywords("""{"enum":[false,null,[],{}]}""", Alone = true)]
    public object? Background { get; init; }

    /// <summary>The relay knows no stored prompts. Send the words in <c>instructions</c> and <c>input</c>.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Prompt { get; init; }

    /// <summary>Answers are text.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Image { get; init; }

    /// <summary>There is no moderation.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Moderation { get; init; }

    /// <summary>
    /// Whether the answer is stored. It never is: the answer says <c>false</c>. Named in <c>X-Relay-Ignored</c> unless it is false.
    /// Unless it is false, ids of the answer hold its items, encrypted, for <c>item_reference</c>.
    /// </summary>
    public object? Store { get; init; }

    /// <summary>Too long an input is an error. No effect. Named in <c>X-Relay-Ignored</c> unless it asks for that.</summary>
    public object? Truncation { get; init; }

    /// <summary>Most calls of OpenAI's hosted tools, which do not exist here. No effect, and named in <c>X-Relay-Ignored</c>.</summary>
    public object? MaxToolCalls { get; init; }

    /// <summary>Shortening of long inputs. No effect here, and named in <c>X-Relay-Ignored</c>.</summary>
    public object? ContextManagement { get; init; }
}

/// <summary>The format of the answer.</summary>
[LenientContract]
internal sealed record ResponseTextParam
{
    /// <summary>Text, any JSON object, or a value that fits a schema.</summary>
    [OneOf(typeof(ResponsePlainFormat), typeof(ResponseSchemaFormat))]
    public object? Format { get; init; }

    /// <summary>Length of answers. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? Verbosity { get; init; }
}

/// <summary>Text, or any JSON object.</summary>
[LenientContract]
internal sealed record ResponsePlainFormat
{
    /// <summary><c>text</c>, or <c>json_object</c> for any JSON object.</summary>
    [Values("text", "json_object")]
    public required string Type { get; init; }
}

/// <summary>A value that fits a schema.</summary>
[LenientContract]
internal sealed record ResponseSchemaFormat
{
    [Values("json_schema")]
    public required string Type { get; init; }

    /// <summary>The schema.</summary>
    [OneOf(typeof(AnswerSchema))]
    public required object Schema { get; init; }

    /// <summary>Ignored.</summary>
    public object? Name { get; init; }

    /// <summary>Ignored.</summary>
    public object? Description { get; init; }

    /// <summary>Ignored: the answer always fits.</summary>
    public object? Strict { get; init; }
}

/// <summary>The effort of the model's thinking, and the display of its thoughts.</summary>
[LenientContract]
internal sealed record ResponseReasoningParam
{
    /// <summary>
    /// <c>none</c> and <c>minimal</c> count as <c>low</c>, the least that Claude Code knows. When missing: Claude Code's own default.
    /// </summary>
    [Values("none", "minimal", "low", "medium", "high", "xhigh", "max")]
    public string? Effort { get; init; }

    /// <summary>With any word, the answer shows the thoughts that the model shows, as items of the type <c>reasoning</c>.</summary>
    public string? Summary { get; init; }

    /// <summary>The older name of <c>summary</c>.</summary>
    public string? GenerateSummary { get; init; }
}

/// <summary>A function that the caller runs.</summary>
[LenientContract]
internal sealed record ResponseToolParam
{
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolNameOrId)]
    public required string Name { get; init; }

    /// <summary>Describes the function to the model.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON schema of the arguments, which are an object. When missing: any object.</summary>
    [Keywords(ToolKeywords.InputSchema, Alone = true)]
    public object? Parameters { get; init; }

    /// <summary>Whether every call is certain to fit the schema.</summary>
    public bool? Strict { get; init; }
}

/// <summary><c>auto</c>: the model decides. <c>none</c>: it calls no function. <c>required</c>: it calls at least one.</summary>
[Keywords("""{"enum":["none","auto","required"]}""", Alone = true)]
internal sealed record ResponseFreeToolChoice;

/// <summary>The model calls this function.</summary>
[LenientContract]
internal sealed record ResponseOneToolChoice
{
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The name of the function.</summary>
    public required string Name { get; init; }
}
