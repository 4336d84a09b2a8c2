using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.OpenAi;
using Relay.Api.OpenApi;
using Relay.Domain.Completions;

namespace Relay.Api.Responses;

/// <summary>The fields of a request that its answer repeats.</summary>
internal sealed record ResponseEcho
{
    public static JsonElement NoMetadata { get; } = JsonElement.Parse("{}");

    public static JsonElement NoTools { get; } = JsonElement.Parse("[]");

    /// <summary>The model decides whether to call tools.</summary>
    public static JsonElement AutoChoice { get; } = JsonElement.Parse("\"auto\"");

    /// <summary>The system prompt.</summary>
    public string? Instructions { get; init; }

    public long? MaxOutputTokens { get; init; }

    /// <summary>Texts for the caller's own records.</summary>
    public JsonElement Metadata { get; init; } = NoMetadata;

    public ResponseReasoning Reasoning { get; init; } = ResponseReasoning.None;

    public double? Temperature { get; init; }

    public ResponseFormat Text { get; init; } = new(ResponseFormat.Plain);

    public bool ParallelToolCalls { get; init; } = true;

    public JsonElement ToolChoice { get; init; } = AutoChoice;

    public JsonElement Tools { get; init; } = NoTools;

    public double? TopP { get; init; }

    /// <summary>The caller's name for its own user.</summary>
    public string? User { get; init; }
}

/// <summary>The format of an answer.</summary>
/// <param name="Format">The format as the request had it.</param>
internal sealed record ResponseFormat([property: Keywords("""{"type":"object"}""", Alone = true)] JsonElement Format)
{
    public static JsonElement Plain { get; } = JsonElement.Parse("""{"type":"text"}""");
}

/// <summary>The effort of the model's thinking, and the display of its thoughts.</summary>
/// <param name="Effort">The effort as the request had it.</param>
/// <param name="Summary">The display as the request had it.</param>
internal sealed record ResponseReasoning(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Effort,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Summary
)
{
    public static ResponseReasoning None { get; } = new(null, null);
}

/// <summary>The answer, whole or as far as it has come.</summary>
internal sealed record ResponseContract
{
    /// <summary>Begins a response. Its time is in seconds since 1970.</summary>
    public static ResponseContract Begin(string id, long createdAt, string model, ResponseEcho echo) =>
        new()
        {
            Id = id,
            CreatedAt = createdAt,
            Model = model,
            Instructions = echo.Instructions,
            MaxOutputTokens = echo.MaxOutputTokens,
            Metadata = echo.Metadata,
            ParallelToolCalls = echo.ParallelToolCalls,
            Reasoning = echo.Reasoning,
            Temperature = echo.Temperature,
            Text = echo.Text,
            ToolChoice = echo.ToolChoice,
            Tools = echo.Tools,
            TopP = echo.TopP,
            User = echo.User,
        };

    /// <summary>The id of the request, with OpenAI's prefix.</summary>
    [RegularExpression("^resp_[0-9a-f]{24}$")]
    public required string Id { get; init; }

    [Values("response")]
    public string Object { get; } = "response";

    /// <summary>Unix time of the answer, in seconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary><c>incomplete</c>: the answer is cut at its cap or at the end of the context.</summary>
    [Values("in_progress", "completed", "incomplete")]
    public string Status { get; init; } = ResponseStatus.InProgress;

    /// <summary>Always false.</summary>
    [Values(false)]
    public bool Background { get; }

    /// <summary>Unix time of the end, in seconds. Absent until then.</summary>
    public long? CompletedAt { get; init; }

    /// <summary>Always null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)]
    public object? AccessPrograms { get; }

    /// <summary>Always null: an error is an answer, or an event.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)]
    public object? Error { get; }

    /// <summary>Why the answer is not complete. Null for a complete answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseIncompleteDetails? IncompleteDetails { get; init; }

    /// <summary>The system prompt of the request.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Instructions { get; init; }

    /// <summary>The cap of the request.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? MaxOutputTokens { get; init; }

    /// <summary>The metadata of the request.</summary>
    [Keywords("""{"type":"object"}""", Alone = true)]
    public JsonElement Metadata { get; init; }

    /// <summary>The model that answered, as Anthropic's API names it.</summary>
    public required string Model { get; init; }

    /// <summary>Messages, calls and thoughts, in order. Send them back as they are.</summary>
    [OneOf(typeof(IReadOnlyList<ResponseItem>))]
    public IReadOnlyList<object> Output { get; init; } = [];

    /// <summary>Whether one answer may have several calls.</summary>
    public required bool ParallelToolCalls { get; init; }

    /// <summary>Always null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never), Keywords("""{"type":"null"}""", Alone = true)]
    public string? PreviousResponseId { get; }

    /// <summary>The reasoning of the request.</summary>
    public required ResponseReasoning Reasoning { get; init; }

    /// <summary>Always false: the relay stores no response.</summary>
    [Values(false)]
    public bool Store { get; }

    /// <summary>The temperature of the request.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? Temperature { get; init; }

    /// <summary>The format of the answer, from the request.</summary>
    public required ResponseFormat Text { get; init; }

    /// <summary>The choice of functions of the request.</summary>
    [Keywords("""{"type":["string","object"]}""", Alone = true)]
    public required JsonElement ToolChoice { get; init; }

    /// <summary>The functions of the request.</summary>
    [Keywords("""{"type":"array"}""", Alone = true)]
    public required JsonElement Tools { get; init; }

    /// <summary>The share of the likeliest words, from the request.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public double? TopP { get; init; }

    /// <summary>Always <c>disabled</c>: too long an input is an error.</summary>
    [Values("disabled")]
    public string Truncation { get; } = "disabled";

    /// <summary>Tokens. Absent until the end.</summary>
    public ResponseUsage? Usage { get; init; }

    /// <summary>The user of the request. Absent without one.</summary>
    public string? User { get; init; }

    /// <summary>The whole response. Its end is in seconds since 1970.</summary>
    public ResponseContract End(Completion completion, IReadOnlyList<object> output, long completedAt)
    {
        var status = ResponseStatus.Of(completion);
        return this with
        {
            Status = status,
            CompletedAt = status == ResponseStatus.Completed ? completedAt : null,
            IncompleteDetails = status == ResponseStatus.Incomplete ? new ResponseIncompleteDetails("max_output_tokens") : null,
            Output = output,
            Usage = ResponseUsage.From(completion.Usage),
        };
    }
}

/// <summary>OpenAI's words for the state of a response or an item.</summary>
internal static class ResponseStatus
{
    public const string InProgress = "in_progress";
    public const string Completed = "completed";
    public const string Incomplete = "incomplete";

    /// <summary>The state of a finished answer: one that a cap cut is incomplete.</summary>
    public static string Of(Completion completion) => FinishReason.From(completion.StopReason) == "length" ? Incomplete : Completed;
}

/// <summary>Why a response is not complete.</summary>
/// <param name="Reason">At its cap, or at the end of the context.</param>
internal sealed record ResponseIncompleteDetails([property: Values("max_output_tokens")] string Reason);

/// <summary>Tokens.</summary>
/// <param name="InputTokens">Tokens read, from a cache or not.</param>
/// <param name="InputTokensDetails">More about the tokens read.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="OutputTokensDetails">More about the tokens written.</param>
/// <param name="TotalTokens">Sum of both.</param>
internal sealed record ResponseUsage(
    long InputTokens,
    ResponseInputTokens InputTokensDetails,
    long OutputTokens,
    ResponseOutputTokens OutputTokensDetails,
    long TotalTokens
)
{
    /// <summary>OpenAI's input tokens are all tokens read, cached or not. The API does not count thoughts separately.</summary>
    public static ResponseUsage From(TokenUsage usage)
    {
        var input = usage.InputTokens + usage.CacheCreationInputTokens + usage.CacheReadInputTokens;
        return new ResponseUsage(
            input,
            new ResponseInputTokens(usage.CacheReadInputTokens, usage.CacheCreationInputTokens),
            usage.OutputTokens,
            new ResponseOutputTokens(0),
            input + usage.OutputTokens
        );
    }
}

/// <summary>More about the tokens read.</summary>
/// <param name="CachedTokens">Tokens read from a cache.</param>
/// <param name="CacheWriteTokens">Tokens written into a cache.</param>
internal sealed record ResponseInputTokens(long CachedTokens, long CacheWriteTokens);

/// <summary>More about the tokens written.</summary>
/// <param name="ReasoningTokens">Always 0: the API does not count thoughts apart.</param>
internal sealed record ResponseOutputTokens(long ReasoningTokens);
