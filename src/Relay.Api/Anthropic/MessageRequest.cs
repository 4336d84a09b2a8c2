using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Relay.Api.Completions;
using Relay.Api.OpenApi;
using Relay.Domain.Models;

namespace Relay.Api.Anthropic;

/// <summary>Fields of a request as Anthropic's SDKs send it.</summary>
[LenientContract]
internal abstract record MessageFields
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
    public required IReadOnlyList<MessageParam> Messages { get; init; }

    /// <summary>
    /// The system prompt: a text, or a list of text blocks, which are joined by an empty line. Null and an empty text count as missing.
    /// </summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<CompatibleBlock>))]
    public object? System { get; init; }

    /// <summary>Whether the answer comes as server-sent events while it is made.</summary>
    [DefaultValue(false)]
    public bool? Stream { get; init; }

    /// <summary>Texts at which the answer ends, without them. Not together with a schema. Lengths count UTF-16 units.</summary>
    [Keywords(BodyKeywords.StopTexts, Alone = true)]
    public IReadOnlyList<string>? StopSequences { get; init; }

    /// <summary>Effort and format of the answer.</summary>
    [OneOf(typeof(MessageOutputConfig))]
    public object? OutputConfig { get; init; }

    /// <summary>The same as <c>output_config.format</c>, which counts where both are present.</summary>
    [OneOf(typeof(MessageFormat))]
    public object? OutputFormat { get; init; }

    /// <summary>
    /// The randomness of the model's words. When missing, or 1: the API's default. Beside it the model does not think, unless
    /// <c>thinking</c> says so.
    /// </summary>
    [Range(0d, 1d)]
    public double? Temperature { get; init; }

    /// <summary>The share of the likeliest words that the model chooses from. When missing, or 1: all.</summary>
    [Range(0d, 1d)]
    public double? TopP { get; init; }

    /// <summary>The number of the likeliest words that the model chooses from. When missing: all.</summary>
    [Range(1, int.MaxValue)]
    public long? TopK { get; init; }

    /// <summary>
    /// Whether the model thinks before it answers, and most tokens of its thoughts. The answer has the thoughts that the API shows. When
    /// missing: Claude Code's own default without thoughts in the answer, and no thinking beside <c>temperature</c>, <c>top_p</c> and
    /// <c>top_k</c>.
    /// </summary>
    [OneOf(typeof(ThinkingOff), typeof(ThinkingOn))]
    public object? Thinking { get; init; }

    /// <summary>Tools that the caller runs. The model calls them; the relay runs no tool.</summary>
    [OneOf(typeof(IReadOnlyList<MessageTool>), typeof(EmptyObject))]
    [Keywords(ToolKeywords.MaxTools)]
    public object? Tools { get; init; }

    /// <summary>
    /// Whether the model calls a tool: as it decides (<c>auto</c>), none, at least one (<c>any</c>), or this one (<c>tool</c>). The
    /// last two need <c>tools</c>.
    /// </summary>
    [OneOf(typeof(FreeToolChoice), typeof(OneToolChoice), typeof(EmptyListOrObject))]
    public object? ToolChoice { get; init; }

    /// <summary>The relay connects to no tool server.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? McpServers { get; init; }

    /// <summary>The relay keeps no conversation: each request holds all of it.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Thread { get; init; }

    /// <summary>There are no containers here.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? Container { get; init; }

    /// <summary>The relay does not manage the context.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? ContextManagement { get; init; }

    /// <summary>A caller can't choose where the model runs.</summary>
    [Keywords(BodyKeywords.AsksForNothing, Alone = true)]
    public object? InferenceGeo { get; init; }

    /// <summary>Speed class. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? ServiceTier { get; init; }

    /// <summary>Speed class. No effect here. Named in <c>X-Relay-Ignored</c> unless it asks for the default.</summary>
    public object? Speed { get; init; }

    /// <summary>Data for the records of the API.</summary>
    [NoEffect]
    public object? Metadata { get; init; }

    /// <summary>Claude Code decides what Anthropic caches, and the cache changes no answer.</summary>
    [NoEffect]
    public object? CacheControl { get; init; }
}

/// <summary>
/// A request as Anthropic's SDKs send it. Text, pictures, documents, system prompts, streams, schemas, effort, caps, parameters of the
/// model and stop sequences have an effect. Fields that are unknown or have no effect are taken, and named in <c>X-Relay-Ignored</c>.
/// </summary>
[LenientContract]
internal sealed record MessageRequest : MessageFields
{
    /// <summary>Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).</summary>
    [Range(1, long.MaxValue)]
    public required long MaxTokens { get; init; }
}

/// <summary>The same as for <c>POST /v1/messages</c>, but <c>max_tokens</c> may be missing.</summary>
[LenientContract]
internal sealed record CountTokensRequest : MessageFields
{
    /// <summary>Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).</summary>
    [Range(1, long.MaxValue)]
    public long? MaxTokens { get; init; }
}

/// <summary>A message of a conversation.</summary>
[OneOf(typeof(CompatibleSystemMessage), typeof(MessageUser), typeof(CompatibleAssistantMessage))]
internal sealed record MessageParam;

/// <summary>A message of the user. Other fields have no effect.</summary>
[LenientContract]
internal sealed record MessageUser
{
    [Values("user")]
    public required string Role { get; init; }

    /// <summary>
    /// A text, or a list of blocks. At least one block has a visible text, a picture, a document or the result of a call.
    /// </summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<MessageUserBlock>))]
    [Keywords(
        """
            {"contains":{"anyOf":[
              {"type":"object","required":["type"],"properties":{"type":{"enum":["image","document","tool_result"]}}},
              {"type":"object","required":["type","text"],"properties":
                  {"type":{"enum":["text","input_text","output_text"]},"text":{"type":"string","pattern":"\\S"}}}]}}
            """
    )]
    public required object Content { get; init; }
}

/// <summary>A block of a message of the user.</summary>
[OneOf(
    typeof(CompatibleTextBlock),
    typeof(MessageImageBlock),
    typeof(DocumentBlockContract),
    typeof(ToolResultParam),
    typeof(CompatibleThinkingBlock)
)]
internal sealed record MessageUserBlock;

/// <summary>A picture, in Anthropic's format.</summary>
[LenientContract]
internal sealed record MessageImageBlock
{
    [Values("image")]
    public required string Type { get; init; }

    /// <summary>The picture itself, or an HTTPS URL. Anthropic fetches such a URL; the relay never does.</summary>
    [OneOf(typeof(MessageImageData), typeof(MessageImageUrl))]
    public required object Source { get; init; }
}

/// <summary>A picture.</summary>
[LenientContract]
internal sealed record MessageImageData
{
    [Values("base64")]
    public required string Type { get; init; }

    /// <summary>Ignored: the bytes of the picture decide its type.</summary>
    public object? MediaType { get; init; }

    /// <summary>
    /// The picture as base64: png, jpeg, gif or webp of at most 8,000 pixels per side, and at most 5 MB (5,242,880 bytes) before
    /// encoding. A larger picture is 413. All pictures of a conversation have at most 100 million pixels.
    /// </summary>
    [Keywords(ImageKeywords.Base64)]
    public required string Data { get; init; }
}

/// <summary>The address of a picture.</summary>
[LenientContract]
internal sealed record MessageImageUrl
{
    [Values("url")]
    public required string Type { get; init; }

    /// <summary>The address.</summary>
    [Keywords(ImageKeywords.HttpsUrl)]
    public required string Url { get; init; }
}

/// <summary>Effort and format of an answer.</summary>
[LenientContract]
internal sealed record MessageOutputConfig
{
    /// <summary>
    /// The effort of the model's thinking. <c>none</c> and <c>minimal</c> count as <c>low</c>, the least that Claude Code knows. When
    /// missing: Claude Code's own default.
    /// </summary>
    [Values("none", "minimal", "low", "medium", "high", "xhigh", "max")]
    public string? Effort { get; init; }

    /// <summary>The format of the answer. When missing: text.</summary>
    [OneOf(typeof(MessageFormat))]
    public object? Format { get; init; }
}

/// <summary>A value that fits the schema. Not together with <c>stop_sequences</c>.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record MessageFormat
{
    [Values("json_schema")]
    public required string Type { get; init; }

    /// <summary>The schema.</summary>
    [OneOf(typeof(AnswerSchema))]
    public required object Schema { get; init; }
}
