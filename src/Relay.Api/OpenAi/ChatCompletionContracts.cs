using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Relay.Api.OpenApi;
using Relay.Domain.Completions;

namespace Relay.Api.OpenAi;

/// <summary>A whole answer.</summary>
/// <param name="Id">The id of the request, with OpenAI's prefix.</param>
/// <param name="Object">Always <c>chat.completion</c>.</param>
/// <param name="Created">Unix time of the answer, in seconds.</param>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="Choices">The one answer.</param>
/// <param name="Usage">Tokens.</param>
internal sealed record ChatCompletion(
    [property: RegularExpression("^chatcmpl-[0-9a-f]{24}$")] string Id,
    [property: Values("chat.completion")] string Object,
    long Created,
    string Model,
    [property: MinLength(1), MaxLength(1)] IReadOnlyList<ChatChoice> Choices,
    ChatUsage Usage
);

/// <summary>The events of a stream: chunks, then <c>[DONE]</c>. An error in the middle is a chunk with <c>error</c>.</summary>
[Event(typeof(ChatCompletionChunk))]
[Event(typeof(ChatChunkWithUsage))]
[Event(typeof(OpenAiError))]
[Event(null, Text = "[DONE]")]
internal sealed record ChatCompletionEvents;

/// <summary>A piece of an answer.</summary>
/// <param name="Id">The id of the request, with OpenAI's prefix.</param>
/// <param name="Object">Always <c>chat.completion.chunk</c>.</param>
/// <param name="Created">Unix time of the answer, in seconds.</param>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="Choices">The next piece.</param>
internal sealed record ChatCompletionChunk(
    [property: RegularExpression("^chatcmpl-[0-9a-f]{24}$")] string Id,
    [property: Values("chat.completion.chunk")] string Object,
    long Created,
    string Model,
    [property: MinLength(1), MaxLength(1)] IReadOnlyList<ChatChunkChoice> Choices
);

/// <summary>A piece of an answer, with <c>stream_options.include_usage</c>.</summary>
/// <param name="Id">The id of the request, with OpenAI's prefix.</param>
/// <param name="Object">Always <c>chat.completion.chunk</c>.</param>
/// <param name="Created">Unix time of the answer, in seconds.</param>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="Choices">The next piece. Empty in the last chunk.</param>
/// <param name="Usage">Tokens, in the last chunk. Null in all others.</param>
internal sealed record ChatChunkWithUsage(
    [property: RegularExpression("^chatcmpl-[0-9a-f]{24}$")] string Id,
    [property: Values("chat.completion.chunk")] string Object,
    long Created,
    string Model,
    [property: MaxLength(1)] IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ChatUsage? Usage
);

/// <summary>The one answer.</summary>
/// <param name="Index">Always 0.</param>
/// <param name="Message">The message of the model.</param>
/// <param name="Logprobs">Always null.</param>
/// <param name="FinishReason">
/// Why the answer ended. <c>length</c>: at its cap or at the end of the context. <c>content_filter</c>: the model declined.
/// <c>tool_calls</c> and <c>function_call</c>: the model calls tools.
/// </param>
internal sealed record ChatChoice(
    [property: Values(0)] int Index,
    ChatMessageContract Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)] object? Logprobs,
    [property: Values("stop", "length", "content_filter", "tool_calls", "function_call")] string FinishReason
);

/// <summary>A piece of the one answer.</summary>
/// <param name="Index">Always 0.</param>
/// <param name="Delta">The next words.</param>
/// <param name="Logprobs">Always null.</param>
/// <param name="FinishReason">Why the answer ended, on the last piece. Null on all others.</param>
internal sealed record ChatChunkChoice(
    [property: Values(0)] int Index,
    ChatDelta Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)] object? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never), Values("stop", "length", "content_filter", "tool_calls", "function_call")]
        string? FinishReason
);

/// <summary>The message of the model. Its words are in <c>content</c>, or in <c>refusal</c> where the model declined.</summary>
/// <param name="Role">Always <c>assistant</c>.</param>
/// <param name="Content">The answer. Null where the model declined, or only calls tools.</param>
/// <param name="Refusal">The words with which the model declined. Null for an answer.</param>
internal sealed record ChatMessageContract(
    [property: Values("assistant")] string Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Refusal
)
{
    /// <summary>Calls of the caller's tools, in order. The next messages have their results. Absent without calls.</summary>
    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }

    /// <summary>The call, for a request with <c>functions</c>. Absent without a call.</summary>
    public ChatFunctionCall? FunctionCall { get; init; }

    /// <summary>Thoughts of the model, for a request with <c>thinking</c>. Absent without thoughts.</summary>
    public string? ReasoningContent { get; init; }

    public static ChatMessageContract From(Completion completion, bool hasFunctions = false)
    {
        var refusal = ChatRefusal.Of(completion);
        var calls = completion.ToolCalls.ToList();
        var thoughts = string.Concat(completion.Content.OfType<AnswerThought>().Select(thought => thought.Text));
        return new ChatMessageContract(
            "assistant",
            refusal is not null || (calls.Count > 0 && completion.Text.Length == 0) ? null : completion.Text,
            refusal
        )
        {
            ToolCalls =
                calls.Count > 0 && !hasFunctions
                    ?
                    [
                        .. calls.Select(call => new ChatToolCall(
                            null,
                            call.Id,
                            "function",
                            new ChatFunctionCall(call.Name, call.RevealInput())
                        )),
                    ]
                    : null,
            FunctionCall = calls.Count > 0 && hasFunctions ? new ChatFunctionCall(calls[0].Name, calls[0].RevealInput()) : null,
            ReasoningContent = thoughts.Length > 0 ? thoughts : null,
        };
    }
}

/// <summary>The next words. The first piece has the role and no words, the last piece is empty.</summary>
/// <param name="Role">Always <c>assistant</c>, on the first piece.</param>
/// <param name="Content">The next words.</param>
/// <param name="Refusal">The words with which the model declined, on the last piece.</param>
internal sealed record ChatDelta([property: Values("assistant")] string? Role, string? Content, string? Refusal = null)
{
    /// <summary>A part of one call of a tool.</summary>
    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }

    /// <summary>A part of the call, for a request with <c>functions</c>.</summary>
    public ChatFunctionCall? FunctionCall { get; init; }

    /// <summary>The next words of a thought, for a request with <c>thinking</c>.</summary>
    public string? ReasoningContent { get; init; }
}

/// <summary>A call of one of the caller's tools, or a part of it.</summary>
/// <param name="Index">The number of the call, from 0. Only in streams.</param>
/// <param name="Id">The id of the call. Its result names it. Absent in all parts but the first.</param>
/// <param name="Type">Always <c>function</c>. Absent in all parts but the first.</param>
/// <param name="Function">The tool and its input.</param>
internal sealed record ChatToolCall(
    int? Index,
    [property: RegularExpression(Patterns.ToolNameOrId)] string? Id,
    [property: Values("function")] string? Type,
    ChatFunctionCall Function
);

/// <summary>A tool and its input.</summary>
/// <param name="Name">The name of the tool. Absent in all parts but the first.</param>
/// <param name="Arguments">The input: the text of a JSON object, or a part of it.</param>
internal sealed record ChatFunctionCall([property: RegularExpression(Patterns.ToolNameOrId)] string? Name, string Arguments);

/// <summary>Tokens.</summary>
/// <param name="PromptTokens">Tokens read, from a cache or not.</param>
/// <param name="CompletionTokens">Tokens written.</param>
/// <param name="TotalTokens">Sum of both.</param>
/// <param name="PromptTokensDetails">More about the tokens read.</param>
internal sealed record ChatUsage(long PromptTokens, long CompletionTokens, long TotalTokens, ChatPromptDetails PromptTokensDetails)
{
    /// <summary>OpenAI's prompt tokens are all tokens read, cached or not.</summary>
    public static ChatUsage From(TokenUsage usage)
    {
        var prompt = usage.InputTokens + usage.CacheCreationInputTokens + usage.CacheReadInputTokens;
        return new ChatUsage(prompt, usage.OutputTokens, prompt + usage.OutputTokens, new ChatPromptDetails(usage.CacheReadInputTokens));
    }
}

/// <summary>More about the tokens read.</summary>
/// <param name="CachedTokens">Tokens read from a cache.</param>
internal sealed record ChatPromptDetails(long CachedTokens);
