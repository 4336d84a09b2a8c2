using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClaudeRelay.Client;

/// <summary>A completion: a prompt, or messages.</summary>
public sealed record CompletionRequest
{
    /// <summary>The prompt; or else set <see cref="Messages"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>A conversation that ends with the user's turn; or else set <see cref="Prompt"/>.</summary>
    public IReadOnlyList<ChatMessage>? Messages { get; init; }

    /// <summary>The system prompt.</summary>
    public string? System { get; init; }

    /// <summary>One of <see cref="ClaudeRelayClient.ModelsAsync"/>; the operator's default when null.</summary>
    public string? Model { get; init; }

    /// <summary>Most tokens of the answer.</summary>
    public int? MaxTokens { get; init; }

    /// <summary><c>low</c>, <c>medium</c>, <c>high</c>, <c>xhigh</c> or <c>max</c>.</summary>
    public string? Effort { get; init; }

    /// <summary>A JSON schema of an object that the answer must fit.</summary>
    public JsonElement? JsonSchema { get; init; }

    /// <summary>Texts at which the answer ends, without them.</summary>
    public IReadOnlyList<string>? Stop { get; init; }

    /// <summary>A prompt is a request.</summary>
    public static implicit operator CompletionRequest(string prompt) => new() { Prompt = prompt };
}

/// <summary>One turn of a conversation.</summary>
/// <param name="Role"><c>user</c> or <c>assistant</c>.</param>
/// <param name="Content">At least one part.</param>
public sealed record ChatMessage(string Role, IReadOnlyList<ContentPart> Content)
{
    /// <summary>A turn of the user's.</summary>
    public static ChatMessage User(params IReadOnlyList<ContentPart> content) => new("user", content);

    /// <summary>A turn of the model's.</summary>
    public static ChatMessage Assistant(params IReadOnlyList<ContentPart> content) => new("assistant", content);
}

/// <summary>A part of a turn: a text or a picture.</summary>
public sealed record ContentPart
{
    private ContentPart(string type) => Type = type;

    /// <summary><c>text</c> or <c>image</c>.</summary>
    public string Type { get; }

    /// <summary>The words of a text.</summary>
    [JsonPropertyName("text")]
    public string? Words { get; private init; }

    /// <summary>The kind of a picture.</summary>
    public string? MediaType { get; private init; }

    /// <summary>The bytes of a picture.</summary>
    public byte[]? Data { get; private init; }

    /// <summary>A text.</summary>
    public static ContentPart Text(string text) => new("text") { Words = text };

    /// <summary>A picture.</summary>
    /// <param name="mediaType"><c>image/png</c>, <c>image/jpeg</c>, <c>image/gif</c> or <c>image/webp</c>.</param>
    /// <param name="data">Its bytes, at most 5 MB.</param>
    public static ContentPart Image(string mediaType, byte[] data) => new("image") { MediaType = mediaType, Data = data };

    /// <summary>A text is a part.</summary>
    public static implicit operator ContentPart(string text) => Text(text);
}

/// <summary>A whole answer.</summary>
/// <param name="Text">The model's words.</param>
/// <param name="Model">The model that answered.</param>
/// <param name="DurationMs">Time in the relay, in milliseconds.</param>
/// <param name="StopReason">The reason for its end: <c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, …</param>
/// <param name="StructuredOutput">With a schema, the object that fits it.</param>
/// <param name="Usage">Tokens and cost.</param>
public sealed record Completion(
    [property: JsonPropertyName("result")] string Text,
    string Model,
    long DurationMs,
    string? StopReason,
    JsonElement? StructuredOutput,
    TokenUsage Usage
);

/// <summary>Tokens and money.</summary>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's cache.</param>
/// <param name="CostUsd">US dollars by list price; null for an answer that was cut.</param>
public sealed record TokenUsage(
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    decimal? CostUsd
);

/// <summary>A piece of a stream.</summary>
public abstract record CompletionEvent
{
    private protected CompletionEvent() { }
}

/// <summary>The first event: the model that answers.</summary>
public sealed record CompletionStarted(string RequestId, string Model) : CompletionEvent;

/// <summary>The next words.</summary>
public sealed record CompletionDelta(string Text) : CompletionEvent;

/// <summary>The last event: the sum.</summary>
public sealed record CompletionDone(string Model, long DurationMs, TokenUsage Usage, string? StopReason, JsonElement? StructuredOutput)
    : CompletionEvent;

/// <summary>A page to fetch.</summary>
/// <param name="Url">The address of the page.</param>
public sealed record PageRequest(string Url)
{
    /// <summary>Most content of the reply in bytes; 500,000 when null, at most 2,000,000.</summary>
    public int? MaxBytes { get; init; }

    /// <summary>Whether HTML goes without scripts and styles; true when null.</summary>
    public bool? Strip { get; init; }

    /// <summary><c>html</c> (when null), <c>text</c> or <c>markdown</c>.</summary>
    public string? Format { get; init; }

    /// <summary>The offset at which the reply begins: the <see cref="Page.NextOffset"/> of the one before.</summary>
    public long? Offset { get; init; }

    /// <summary>The page's languages, as in the header of that name.</summary>
    public string? AcceptLanguage { get; init; }

    /// <summary>A URL is a request.</summary>
    public static implicit operator PageRequest(string url) => new(url);
}

/// <summary>A page that was fetched.</summary>
public sealed record Page(
    int Status,
    string FinalUrl,
    bool Truncated,
    string? Html,
    string? Text,
    string? Markdown,
    string? ContentType,
    string? Charset,
    string? Title,
    string? Description,
    string? Language,
    string? Canonical,
    IReadOnlyList<JsonElement> JsonLd,
    IReadOnlyList<PageRedirect> Redirects,
    long? TotalChars,
    long? NextOffset,
    long Bytes,
    long DurationMs
)
{
    /// <summary>The content, in the form that was asked for.</summary>
    public string Content => Html ?? Text ?? Markdown ?? string.Empty;

    /// <summary>Blocks of JSON-LD that were left out; 0 for none.</summary>
    public int JsonLdOmitted { get; init; }

    /// <summary>Pages of a PDF; null for other documents.</summary>
    public int? Pages { get; init; }

    /// <summary>The page's Open Graph.</summary>
    public IReadOnlyList<PageProperty> OpenGraph
    {
        get => field ?? [];
        init;
    }

    /// <summary>Whether the page seems to show its content only after its scripts have run. The relay runs no script.</summary>
    public bool NeedsJavascript { get; init; }

    /// <summary>The reason, for such a page: <c>noscript</c>, <c>empty_root</c> or <c>no_text</c>; null for others.</summary>
    public string? NeedsJavascriptReason { get; init; }

    /// <summary>The JSON that such a page holds for its scripts; empty for others.</summary>
    public IReadOnlyList<PageData> Data
    {
        get => field ?? [];
        init;
    }

    /// <summary>The address to which a browser would go on after more than a second; null for none.</summary>
    public string? RefreshUrl { get; init; }
}

/// <summary>A property of a page's Open Graph.</summary>
/// <param name="Name">The name behind <c>og:</c>.</param>
/// <param name="Content">The value, as the page has it.</param>
public sealed record PageProperty(string Name, string Content);

/// <summary>JSON that a page carries for its scripts.</summary>
/// <param name="Id">The id of its script element, or a number.</param>
/// <param name="Content">The JSON; text that is not valid JSON is a string.</param>
public sealed record PageData(string Id, JsonElement Content);

/// <summary>A redirect on the way to a page.</summary>
public sealed record PageRedirect(string Url, int Status);

/// <summary>The names of models that the key may use.</summary>
/// <param name="Default">The model for a request that names none; null when the key may not use it.</param>
/// <param name="Models">All of them.</param>
public sealed record ModelList(string? Default, IReadOnlyList<string> Models);

internal sealed record CompletionBody(
    string? Prompt,
    IReadOnlyList<ChatMessage>? Messages,
    string? System,
    string? Model,
    int? MaxTokens,
    string? Effort,
    JsonElement? JsonSchema,
    IReadOnlyList<string>? Stop,
    string? OutputFormat,
    bool? Stream
);

internal sealed record Failure(FailureDetail? Error, string? RequestId);

internal sealed record FailureDetail(string? Code, string? Message, string? Field);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(CompletionBody))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(CompletionStarted))]
[JsonSerializable(typeof(CompletionDelta))]
[JsonSerializable(typeof(CompletionDone))]
[JsonSerializable(typeof(PageRequest))]
[JsonSerializable(typeof(Page))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(Failure))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class Json : JsonSerializerContext;
