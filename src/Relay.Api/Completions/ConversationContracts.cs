using System.ComponentModel.DataAnnotations;
using Relay.Api.OpenApi;

namespace Relay.Api.Completions;

/// <summary>Text with at least one visible character, in valid Unicode. The model gets exactly this text.</summary>
[Keywords("""{"type":"string","pattern":"\\S"}""", Alone = true)]
internal sealed record Words;

/// <summary>A text, or nothing.</summary>
[Keywords("""{"type":["string","null"]}""", Alone = true)]
internal sealed record WordsOrNull;

/// <summary>
/// A JSON schema of any dialect and for any value, of at most 64 KB (65,536 bytes). A larger schema is 413. Its references may expand to at
/// most 5,000 parts; more are 413, too. Claude Code's own validator checks the answer and asks the model up to three times. The relay
/// checks the answer again. References to other documents are not followed.
/// </summary>
[Keywords("""{"type":"object"}""", Alone = true)]
internal sealed record AnswerSchema;

/// <summary>A message of a conversation.</summary>
[OneOf(typeof(NativeUserMessage), typeof(NativeAssistantMessage))]
internal sealed record NativeMessage;

/// <summary>A message of the user.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeUserMessage
{
    [Values("user")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of blocks. At least one block is a text, a picture, a document or the result of a call.</summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<NativeUserBlock>))]
    [Keywords(
        """{"contains":{"type":"object","required":["type"],"properties":{"type":{"enum":["text","image","document","tool_result"]}}}}"""
    )]
    public required object Content { get; init; }
}

/// <summary>A message of the model. The relay leaves an empty message out.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeAssistantMessage
{
    [Values("assistant")]
    public required string Role { get; init; }

    /// <summary>A text, or a list of blocks.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<NativeAssistantBlock>))]
    public object? Content { get; init; }
}

/// <summary>A block of a message of the user.</summary>
[OneOf(typeof(NativeTextBlock), typeof(NativeImageBlock), typeof(DocumentBlockContract), typeof(ToolResultParam), typeof(ThinkingBlock))]
internal sealed record NativeUserBlock;

/// <summary>A block of a message of the model.</summary>
[OneOf(typeof(NativeAnswerBlock), typeof(ToolUseParam), typeof(ThinkingBlock))]
internal sealed record NativeAssistantBlock;

/// <summary>A text.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeTextBlock
{
    [Values("text")]
    public required string Type { get; init; }

    /// <summary>The text: at least one visible character.</summary>
    [RegularExpression(Patterns.Visible)]
    public required string Text { get; init; }

    /// <summary>Ignored: Claude Code decides what Anthropic caches, and the cache changes no answer.</summary>
    public object? CacheControl { get; init; }
}

/// <summary>A text of an earlier answer. The relay leaves a blank text out.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeAnswerBlock
{
    [Values("text")]
    public required string Type { get; init; }

    /// <summary>The text.</summary>
    public string? Text { get; init; }

    /// <summary>Ignored: Claude Code decides what Anthropic caches, and the cache changes no answer.</summary>
    public object? CacheControl { get; init; }
}

/// <summary>A picture, in the relay's own format.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record NativeImageBlock
{
    [Values("image")]
    public required string Type { get; init; }

    /// <summary>Ignored: the bytes of the picture decide its type.</summary>
    public string? MediaType { get; init; }

    /// <summary>
    /// The picture as base64: png, jpeg, gif or webp of at most 8,000 pixels per side, and at most 5 MB (5,242,880 bytes) before encoding.
    /// A larger picture is 413. All pictures of a conversation have at most 100 million pixels.
    /// </summary>
    [Keywords(ImageKeywords.Base64)]
    public required string Data { get; init; }
}

/// <summary>Keywords of pictures.</summary>
internal static class ImageKeywords
{
    /// <summary>A picture as base64.</summary>
    public const string Base64 = """{"contentEncoding":"base64","minLength":16,"pattern":"^[A-Za-z0-9+/]+={0,2}$"}""";

    /// <summary>The address of a picture that Anthropic fetches.</summary>
    public const string HttpsUrl = """{"maxLength":2048,"pattern":"^https://[a-z0-9.-]+/.*$"}""";
}

/// <summary>Earlier thoughts of the model. The relay leaves them out, as Anthropic's API does.</summary>
[LenientContract]
internal sealed record ThinkingBlock
{
    /// <summary>The type of the block.</summary>
    [Values("thinking", "redacted_thinking")]
    public required string Type { get; init; }
}

/// <summary>
/// A document, in Anthropic's format: a PDF, a text, or a text in parts. The text of a document counts as input. A PDF has at most 24 MB,
/// and all PDFs have together at most 600 pages.
/// </summary>
[LenientContract]
internal sealed record DocumentBlockContract
{
    [Values("document")]
    public required string Type { get; init; }

    /// <summary>The document itself. The relay fetches no document.</summary>
    [OneOf(typeof(PdfSourceContract), typeof(TextSourceContract), typeof(PartsSourceContract))]
    public required object Source { get; init; }

    /// <summary>The name of the document. The model sees it, and citations repeat it.</summary>
    [MaxLength(500)]
    public string? Title { get; init; }

    /// <summary>Words about the document. The model sees them, and never cites them.</summary>
    public string? Context { get; init; }

    /// <summary>Whether the answer cites the document.</summary>
    [OneOf(typeof(CitationsContract))]
    public object? Citations { get; init; }

    /// <summary>Ignored: Claude Code decides what Anthropic caches, and the cache changes no answer.</summary>
    public object? CacheControl { get; init; }
}

/// <summary>A PDF.</summary>
[LenientContract]
internal sealed record PdfSourceContract
{
    [Values("base64")]
    public required string Type { get; init; }

    /// <summary>Ignored: the bytes must be those of a PDF.</summary>
    public object? MediaType { get; init; }

    /// <summary>The PDF as base64.</summary>
    [RegularExpression("^JVBERi[A-Za-z0-9+/]+={0,2}$")]
    public required string Data { get; init; }
}

/// <summary>A text.</summary>
[LenientContract]
internal sealed record TextSourceContract
{
    [Values("text")]
    public required string Type { get; init; }

    /// <summary>Ignored: the text is plain text.</summary>
    public object? MediaType { get; init; }

    /// <summary>The text: at least one visible character.</summary>
    [RegularExpression(Patterns.Visible)]
    public required string Data { get; init; }
}

/// <summary>A text in parts.</summary>
[LenientContract]
internal sealed record PartsSourceContract
{
    [Values("content")]
    public required string Type { get; init; }

    /// <summary>A text, or a list of text blocks. Citations name whole blocks.</summary>
    [OneOf(typeof(Words), typeof(IReadOnlyList<NativeTextBlock>))]
    [Keywords("""{"minItems":1,"maxItems":1000}""")]
    public required object Content { get; init; }
}

/// <summary>Whether the answer cites a document.</summary>
[LenientContract]
internal sealed record CitationsContract
{
    /// <summary>True for citations. False when missing.</summary>
    [Keywords("""{"type":"boolean"}""", Alone = true)]
    public bool? Enabled { get; init; }
}

/// <summary>The model does not think, or decides by itself how long it thinks.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record ThinkingOff
{
    /// <summary><c>disabled</c>: no thoughts. <c>adaptive</c>: the model decides.</summary>
    [Values("disabled", "adaptive")]
    public required string Type { get; init; }

    /// <summary>Only together with <c>enabled</c>.</summary>
    [Keywords("""{"type":"null"}""", Alone = true)]
    public object? BudgetTokens { get; init; }

    /// <summary>The display of the thoughts by the API; the model's default when missing.</summary>
    [Values("summarized", "omitted")]
    public string? Display { get; init; }
}

/// <summary>The model thinks before it answers.</summary>
[RequestContract]
[Keywords(BodyKeywords.NothingElse)]
internal sealed record ThinkingOn
{
    [Values("enabled")]
    public required string Type { get; init; }

    /// <summary>Most tokens of the thoughts: fewer than those of the answer.</summary>
    [Range(1024, int.MaxValue)]
    public required long BudgetTokens { get; init; }

    /// <summary>The display of the thoughts by the API; the model's default when missing.</summary>
    [Values("summarized", "omitted")]
    public string? Display { get; init; }
}
