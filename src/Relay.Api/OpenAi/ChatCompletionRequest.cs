using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Api.OpenApi;
using Relay.Domain.Models;

namespace Relay.Api.OpenAi;

/// <summary>
/// A request as OpenAI's SDKs send it. Text, pictures, documents, system prompts, streams, schemas, effort, caps, parameters of
/// the model and stop texts have an effect. Fields that are unknown or have no effect are taken, and named in
/// <c>X-Relay-Ignored</c>.
/// </summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatCompletionRequest
{
    /// <summary>A name of <c>GET /v1/models</c>, or a full id (<c>claude-…</c>) of a family that is on that list.</summary>
    [StringLength(ModelName.MaxLength), RegularExpression(Patterns.ModelName)]
    public required string Model { get; init; }

    /// <summary>
    /// The conversation, oldest message first. It ends with a message of the user; only empty messages of the assistant may follow.
    /// Several messages of one side in a row are one turn of that side. At most 500 messages, 20 pictures, 1,000 blocks per message
    /// and 5,000 blocks in all.
    /// </summary>
    [Keywords(BodyKeywords.SomeUser)]
    public required IReadOnlyList<ChatMessageParam> Messages { get; init; }

    /// <summary>Whether the answer comes as server-sent events while it is made.</summary>
    [DefaultValue(false)]
    public bool? Stream { get; init; }

    /// <summary>How a stream ends.</summary>
    [OneOf(typeof(ChatStreamSettings))]
    public object? StreamOptions { get; init; }

    /// <summary>The format of the answer. When missing: text.</summary>
    [OneOf(typeof(ChatTextFormat), typeof(ChatObjectFormat), typeof(ChatSchemaFormat))]
    public object? ResponseFormat { get; init; }

    /// <summary>
    /// How hard the model thinks. <c>none</c> and <c>minimal</c> count as <c>low</c>, the least that Claude Code knows. When missing,
    /// or <c>default</c>: Claude Code's own default.
    /// </summary>
    [Values("none", "minimal", "low", "medium", "high", "xhigh", "max", "default")]
    public string? ReasoningEffort { get; init; }

    /// <summary>Takes the effort from its <c>effort</c> where <c>reasoning_effort</c> is missing.</summary>
    [Keywords("""{"properties":{"effort":{"enum":["none","minimal","low","medium","high","xhigh","max","default",null]}}}""")]
    public object? Reasoning { get; init; }

    /// <summary>
    /// Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).
    /// </summary>
    [Range(1, long.MaxValue)]
    public long? MaxTokens { get; init; }

    /// <summary>The same as <c>max_tokens</c> under its newer name. If both are present, they must be equal.</summary>
    [Range(1, long.MaxValue)]
    public long? MaxCompletionTokens { get; init; }

    /// <summary>
    /// A text or texts at which the answer ends, without them. Not together with a schema. Lengths count UTF-16 units.
    /// </summary>
    [OneOf(typeof(StopText), typeof(StopTexts))]
    public object? Stop { get; init; }

    /// <summary>
    /// How freely the model chooses its words. Claude's greatest temperature is 1. A greater value counts as 1, and is named in
    /// <c>X-Relay-Ignored</c>.
    /// </summary>
    [Range(0d, 2d)]
    public double? Temperature { get; init; }

    /// <summary>The share of the likeliest words that the model chooses from. When missing, or 1: all.</summary>
    [Range(0d, 1d)]
    public double? TopP { get; init; }

    /// <summary>
    /// The number of the likeliest words that the model chooses from, as in Anthropic's API. When missing, 0 or -1: all.
    /// </summary>
    [Range(-1, int.MaxValue)]
    public long? TopK { get; init; }

    /// <summary>
    /// Whether the model thinks before it answers, and most tokens of its thoughts. Thoughts are not passed on. When missing: Claude
    /// Code's own default, but no thoughts beside <c>temperature</c>, <c>top_p</c> and <c>top_k</c>.
    /// </summary>
    [OneOf(typeof(ThinkingOff), typeof(ThinkingOn))]
    public object? Thinking { get; init; }

    /// <summary>Functions that the caller runs. The model calls them; the relay runs no function.</summary>
    [OneOf(typeof(IReadOnlyList<ChatTool>), typeof(EmptyObject))]
    [Keywords(ToolKeywords.MaxTools)]
    public object? Tools { get; init; }

    /// <summary>
    /// Whether the model calls a function: as it decides (<c>auto</c>), none, at least one (<c>required</c> or <c>any</c>), or this
    /// one. The last two need <c>tools</c>.
    /// </summary>
    [OneOf(typeof(ChatFreeToolChoice), typeof(ChatOneToolChoice), typeof(Nothing))]
    public object? ToolChoice { get; init; }

    /// <summary>Whether one answer may have several calls. True when missing.</summary>
    [Keywords("""{"enum":[true,false,null,[],{}]}""", Alone = true)]
    public object? ParallelToolCalls { get; init; }

    /// <summary>The older form of <c>tools</c>.</summary>
    [OneOf(typeof(IReadOnlyList<ChatFunction>), typeof(EmptyObject))]
    [Keywords(ToolKeywords.MaxTools)]
    public object? Functions { get; init; }

    /// <summary>The older form of <c>tool_choice</c>.</summary>
    [OneOf(typeof(ChatFreeFunctionCall), typeof(ChatFunctionName), typeof(Nothing))]
    public object? FunctionCall { get; init; }

    /// <summary>There is one answer.</summary>
    [Keywords("""{"enum":[1,null,[],{}]}""", Alone = true)]
    public object? N { get; init; }

    /// <summary>Probabilities are not available.</summary>
    [Keywords("""{"enum":[false,null,[],{}]}""", Alone = true)]
    public object? Logprobs { get; init; }

    /// <summary>Probabilities are not available.</summary>
    [Keywords("""{"enum":[0,null,[],{}]}""", Alone = true)]
    public object? TopLogprobs { get; init; }

    /// <summary>There is no sound.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Audio { get; init; }

    /// <summary>Answers are text.</summary>
    [Keywords("""{"enum":[["text"],null,[],{}]}""", Alone = true)]
    public object? Modalities { get; init; }

    /// <summary>The web is not searched.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? WebSearchOptions { get; init; }

    /// <summary>An expected answer.</summary>
    [NoEffect]
    public object? Prediction { get; init; }

    /// <summary>Discourages repetition. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? PresencePenalty { get; init; }

    /// <summary>Discourages repetition. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? FrequencyPenalty { get; init; }

    /// <summary>Encourages or discourages single tokens.</summary>
    [NoEffect]
    public object? LogitBias { get; init; }

    /// <summary>Makes answers repeatable.</summary>
    [NoEffect]
    public object? Seed { get; init; }

    /// <summary>Length of answers. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? Verbosity { get; init; }

    /// <summary>
    /// Whether OpenAI keeps the answer. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.
    /// </summary>
    public object? Store { get; init; }

    /// <summary>Speed class. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? ServiceTier { get; init; }

    /// <summary>Id of a user.</summary>
    [NoEffect]
    public object? User { get; init; }

    /// <summary>Data for the records of the API.</summary>
    [NoEffect]
    public object? Metadata { get; init; }

    /// <summary>Id of a user for the safety checks of the API.</summary>
    [NoEffect]
    public object? SafetyIdentifier { get; init; }

    /// <summary>Key of OpenAI's prompt cache.</summary>
    [NoEffect]
    public object? PromptCacheKey { get; init; }

    /// <summary>Time in OpenAI's prompt cache.</summary>
    [NoEffect]
    public object? PromptCacheRetention { get; init; }
}

/// <summary>A message of a conversation.</summary>
[OneOf(typeof(CompatibleSystemMessage), typeof(ChatUserMessage), typeof(ChatAssistantMessage), typeof(ChatToolMessage))]
internal sealed record ChatMessageParam;

/// <summary>A message of the user. Other fields have no effect.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatUserMessage
{
    /// <summary>Always <c>user</c>.</summary>
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
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
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
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
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
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatFileBlock
{
    /// <summary>Always <c>file</c>.</summary>
    [Values("file")]
    public required string Type { get; init; }

    /// <summary>The file.</summary>
    public required ChatFile File { get; init; }
}

/// <summary>A file. The relay does not know files that were uploaded elsewhere (<c>file_id</c>).</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatFile
{
    /// <summary>The file as base64, or as a data URL with base64.</summary>
    [RegularExpression("^(data:[a-z]+/[a-z0-9.+-]+;base64,)?JVBERi[A-Za-z0-9+/]+={0,2}$")]
    public required string FileData { get; init; }

    /// <summary>The name of the file. The model sees it as the title of the document.</summary>
    public string? Filename { get; init; }
}

/// <summary>A function that the caller runs.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatTool
{
    /// <summary>Always <c>function</c>.</summary>
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The function.</summary>
    public required ChatFunction Function { get; init; }
}

/// <summary>A function that the caller runs.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatFunction
{
    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolName)]
    public required string Name { get; init; }

    /// <summary>Describes the function to the model.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON schema of the arguments, which are an object. When missing: any object.</summary>
    [Keywords(ToolKeywords.InputSchema, Alone = true)]
    public object? Parameters { get; init; }

    /// <summary>Whether every call is certain to fit the schema.</summary>
    public bool? Strict { get; init; }
}

/// <summary>
/// <c>auto</c>: the model decides. <c>none</c>: it calls no function. <c>required</c> and <c>any</c>: it calls at least one.
/// </summary>
[Keywords("""{"enum":["none","auto","required","any"]}""", Alone = true)]
internal sealed record ChatFreeToolChoice;

/// <summary>The model calls this function.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatOneToolChoice
{
    /// <summary>Always <c>function</c>.</summary>
    [Values("function")]
    public required string Type { get; init; }

    /// <summary>The function.</summary>
    public required ChatFunctionName Function { get; init; }
}

/// <summary>The name of a function.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatFunctionName
{
    /// <summary>The name.</summary>
    [RegularExpression(Patterns.ToolName)]
    public required string Name { get; init; }
}

/// <summary><c>auto</c>: the model decides. <c>none</c>: it calls no function.</summary>
[Keywords("""{"enum":["none","auto"]}""", Alone = true)]
internal sealed record ChatFreeFunctionCall;

/// <summary>
/// A message of the model. The relay leaves an empty message out, and tells the model about a message before the first message of
/// the user. Other fields have no effect.
/// </summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatAssistantMessage
{
    /// <summary>Always <c>assistant</c>.</summary>
    [Values("assistant")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of text blocks. The relay leaves blank texts out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? Content { get; init; }

    /// <summary>Calls of functions, as in an answer. The next messages have their results.</summary>
    [OneOf(typeof(IReadOnlyList<ChatToolCallParam>))]
    public object? ToolCalls { get; init; }

    /// <summary>The older form of <c>tool_calls</c>.</summary>
    [OneOf(typeof(ChatFunctionCallParam), typeof(NoChoice))]
    public object? FunctionCall { get; init; }
}

/// <summary>A call of a function, from an earlier answer.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatToolCallParam
{
    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolName)]
    public required string Id { get; init; }

    /// <summary><c>function</c>, or missing.</summary>
    [Values("function")]
    public string? Type { get; init; }

    /// <summary>The function and its arguments.</summary>
    public required ChatFunctionCallParam Function { get; init; }
}

/// <summary>A function and its arguments.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatFunctionCallParam
{
    /// <summary>The name of the function.</summary>
    [RegularExpression(Patterns.ToolName)]
    public required string Name { get; init; }

    /// <summary>The arguments: the text of a JSON object.</summary>
    public required string Arguments { get; init; }
}

/// <summary>The result of a call of a function.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatToolMessage
{
    /// <summary><c>tool</c>, or <c>function</c> for the older form.</summary>
    [Values("tool", "function")]
    public required string Role { get; init; }

    /// <summary>The id of the call.</summary>
    [RegularExpression(Patterns.ToolName)]
    public string? ToolCallId { get; init; }

    /// <summary>The name of the function, for the older form.</summary>
    public string? Name { get; init; }

    /// <summary>A text, or a list of blocks.</summary>
    [Keywords("""{"type":["string","array","null"]}""", Alone = true)]
    public object? Content { get; init; }
}

/// <summary>How a stream ends.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatStreamSettings
{
    /// <summary>Whether the stream ends with a chunk that has the usage.</summary>
    [DefaultValue(false)]
    public bool? IncludeUsage { get; init; }

    /// <summary>Ignored.</summary>
    public object? IncludeObfuscation { get; init; }
}

/// <summary>Free text.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatTextFormat
{
    /// <summary>Always <c>text</c>.</summary>
    [Values("text")]
    public required string Type { get; init; }

    /// <summary>Ignored.</summary>
    public object? JsonSchema { get; init; }
}

/// <summary>Any JSON object.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatObjectFormat
{
    /// <summary>Always <c>json_object</c>.</summary>
    [Values("json_object")]
    public required string Type { get; init; }

    /// <summary>Ignored.</summary>
    public object? JsonSchema { get; init; }
}

/// <summary>A value that fits the schema. Not together with <c>stop</c>.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatSchemaFormat
{
    /// <summary>Always <c>json_schema</c>.</summary>
    [Values("json_schema")]
    public required string Type { get; init; }

    /// <summary>The schema, with its name.</summary>
    public required ChatSchema JsonSchema { get; init; }
}

/// <summary>A schema, with its name.</summary>
[RequestContract]
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ChatSchema
{
    /// <summary>Ignored.</summary>
    public object? Name { get; init; }

    /// <summary>Ignored.</summary>
    public object? Description { get; init; }

    /// <summary>The schema.</summary>
    [OneOf(typeof(AnswerSchema))]
    public required object Schema { get; init; }

    /// <summary>Ignored: the answer always fits.</summary>
    public object? Strict { get; init; }
}

/// <summary>A text at which the answer ends.</summary>
[Keywords("""{"type":"string","minLength":1,"maxLength":256}""", Alone = true)]
internal sealed record StopText;

/// <summary>Texts at which the answer ends.</summary>
[Keywords("""{"type":"array","maxItems":16,"items":{"type":"string","minLength":1,"maxLength":256}}""", Alone = true)]
internal sealed record StopTexts;
