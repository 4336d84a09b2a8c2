using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Relay.Api.Completions;
using Relay.Api.OpenApi;
using Relay.Domain.Completions;

namespace Relay.Api.Anthropic;

/// <summary>A whole answer. In <c>message_start</c>: the answer as it begins, without words.</summary>
/// <param name="Id">The id of the request, with Anthropic's prefix.</param>
/// <param name="Type">Always <c>message</c>.</param>
/// <param name="Role">Always <c>assistant</c>.</param>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="Content">The answer: words, calls of tools, and thoughts for a request with <c>thinking</c>.</param>
/// <param name="StopReason">
/// Why the model stopped: <c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, <c>refusal</c> and others.
/// </param>
/// <param name="StopSequence">The stop sequence that ended the answer. Null when no stop sequence did.</param>
/// <param name="Usage">Tokens.</param>
internal sealed record MessageAnswer(
    [property: RegularExpression("^msg_[0-9a-f]{24}$")] string Id,
    [property: Values("message")] string Type,
    [property: Values("assistant")] string Role,
    string Model,
    [property: OneOf(typeof(IReadOnlyList<AnyAnswerBlock>))] IReadOnlyList<object> Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopReason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopSequence,
    MessageUsage Usage
)
{
    /// <summary>A message, whole or at its beginning.</summary>
    public static MessageAnswer Of(
        string id,
        string model,
        IReadOnlyList<object> content,
        string? stopReason,
        string? stopSequence,
        MessageUsage usage
    ) => new(id, "message", "assistant", model, content, stopReason, stopSequence, usage);
}

/// <summary>Tokens.</summary>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's prompt cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's prompt cache.</param>
internal sealed record MessageUsage(long InputTokens, long OutputTokens, long CacheCreationInputTokens, long CacheReadInputTokens)
{
    public static MessageUsage From(TokenUsage usage) =>
        new(usage.InputTokens, usage.OutputTokens, usage.CacheCreationInputTokens, usage.CacheReadInputTokens);
}

/// <summary>An estimate.</summary>
/// <param name="InputTokens">Estimated number of tokens of the request, rather too high than too low.</param>
internal sealed record TokenCount([property: Keywords("""{"minimum":1}""")] long InputTokens);
