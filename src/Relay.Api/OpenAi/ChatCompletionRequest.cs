using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenApi;

namespace Relay.Api.OpenAi;

/// <summary>
/// A request as OpenAI's SDKs send it. Text, pictures, documents, system prompts, streams, schemas, effort, caps, parameters of the model
/// and stop texts have an effect. Fields that are unknown or have no effect are taken, and named in <c>X-Relay-Ignored</c>.
/// </summary>
[LenientContract]
internal sealed record ChatCompletionRequest : OpenAiFields
{
    /// <summary>
    /// The conversation, oldest message first. It ends with a message of the user; only empty messages of the assistant may follow.
    /// Several messages of one side in a row are one turn of that side. At most 500 messages, 20 pictures, 1,000 blocks per message
    /// and 5,000 blocks in all.
    /// </summary>
    [Keywords(BodyKeywords.SomeUser)]
    public required IReadOnlyList<ChatMessageParam> Messages { get; init; }

    /// <summary>The end of a stream.</summary>
    [OneOf(typeof(ChatStreamSettings))]
    public object? StreamOptions { get; init; }

    /// <summary>The format of the answer. When missing: text.</summary>
    [OneOf(typeof(ChatTextFormat), typeof(ChatObjectFormat), typeof(ChatSchemaFormat))]
    public object? ResponseFormat { get; init; }

    /// <summary>
    /// The effort of the model's thinking. <c>none</c> and <c>minimal</c> count as <c>low</c>, the least that Claude Code knows. When
    /// missing, or <c>default</c>: Claude Code's own default.
    /// </summary>
    [Values("none", "minimal", "low", "medium", "high", "xhigh", "max", "default")]
    public string? ReasoningEffort { get; init; }

    /// <summary>Takes the effort from its <c>effort</c> where <c>reasoning_effort</c> is missing.</summary>
    [Keywords("""{"properties":{"effort":{"enum":["none","minimal","low","medium","high","xhigh","max","default",null]}}}""")]
    public object? Reasoning { get; init; }

    /// <summary>Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).</summary>
    [Range(1, long.MaxValue)]
    public long? MaxTokens { get; init; }

    /// <summary>The same as <c>max_tokens</c> under its newer name. If both are present, they must be equal.</summary>
    [Range(1, long.MaxValue)]
    public long? MaxCompletionTokens { get; init; }

    /// <summary>A text or texts at which the answer ends, without them. Not together with a schema. Lengths count UTF-16 units.</summary>
    [OneOf(typeof(StopText), typeof(StopTexts))]
    public object? Stop { get; init; }

    /// <summary>
    /// Whether the model thinks before it answers, and most tokens of its thoughts. The answer has the thoughts that the API shows. When
    /// missing: Claude Code's own default without thoughts in the answer, and no thinking beside <c>temperature</c>, <c>top_p</c> and
    /// <c>top_k</c>.
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
    [OneOf(typeof(ChatFreeToolChoice), typeof(ChatOneToolChoice), typeof(EmptyListOrObject))]
    public object? ToolChoice { get; init; }

    /// <summary>The older form of <c>tools</c>.</summary>
    [OneOf(typeof(IReadOnlyList<ChatFunction>), typeof(EmptyObject))]
    [Keywords(ToolKeywords.MaxTools)]
    public object? Functions { get; init; }

    /// <summary>The older form of <c>tool_choice</c>.</summary>
    [OneOf(typeof(ChatFreeFunctionCall), typeof(ChatFunctionName), typeof(EmptyListOrObject))]
    public object? FunctionCall { get; init; }

    /// <summary>There is one answer.</summary>
    [Keywords("""{"enum":[1,null,[],{}]}""", Alone = true)]
    public object? N { get; init; }

    /// <summary>Probabilities are not available.</summary>
    [Keywords("""{"enum":[false,null,[],{}]}""", Alone = true)]
    public object? Logprobs { get; init; }

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

    /// <summary>Whether OpenAI keeps the answer. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? Store { get; init; }

    /// <summary>Id of a user.</summary>
    [NoEffect]
    public object? User { get; init; }

    /// <summary>Data for the records of the API.</summary>
    [NoEffect]
    public object? Metadata { get; init; }
}

/// <summary>The end of a stream.</summary>
[LenientContract]
internal sealed record ChatStreamSettings
{
    /// <summary>Whether the stream ends with a chunk that has the usage.</summary>
    [DefaultValue(false)]
    public bool? IncludeUsage { get; init; }

    /// <summary>Ignored.</summary>
    public object? IncludeObfuscation { get; init; }
}

/// <summary>A text at which the answer ends.</summary>
[Keywords("""{"type":"string","minLength":1,"maxLength":256}""", Alone = true)]
internal sealed record StopText;

/// <summary>Texts at which the answer ends.</summary>
[Keywords("""{"type":"array","maxItems":16,"items":{"type":"string","minLength":1,"maxLength":256}}""", Alone = true)]
internal sealed record StopTexts;
