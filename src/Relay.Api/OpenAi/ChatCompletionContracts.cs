using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using static Relay.Api.Http.UnsupportedParameter;

namespace Relay.Api.OpenAi;

/// <summary>
/// The body of <c>POST /v1/chat/completions</c>. What is not honoured is named, so that it can be refused; <c>user</c>,
/// <c>metadata</c>, <c>store: false</c> and their like are for OpenAI's own books and change no answer.
/// </summary>
internal sealed record ChatCompletionBody(
    string? Model,
    JsonElement? Messages,
    bool? Stream,
    JsonElement? StreamOptions,
    JsonElement? ResponseFormat,
    string? ReasoningEffort,
    long? MaxTokens,
    long? MaxCompletionTokens,
    JsonElement? Stop,
    JsonElement? Tools,
    JsonElement? ToolChoice,
    JsonElement? Functions,
    JsonElement? FunctionCall,
    JsonElement? N,
    JsonElement? Logprobs,
    JsonElement? TopLogprobs,
    JsonElement? Audio,
    JsonElement? Modalities,
    JsonElement? Prediction,
    JsonElement? WebSearchOptions,
    JsonElement? Temperature,
    JsonElement? TopP,
    JsonElement? TopK,
    JsonElement? PresencePenalty,
    JsonElement? FrequencyPenalty,
    JsonElement? LogitBias,
    JsonElement? Seed,
    JsonElement? Verbosity,
    JsonElement? Store,
    JsonElement? ServiceTier,
    JsonElement? ParallelToolCalls,
    JsonElement? User,
    JsonElement? Metadata,
    JsonElement? SafetyIdentifier,
    JsonElement? PromptCacheKey,
    JsonElement? PromptCacheRetention)
{
    /// <summary>Whether a stream ends with what it cost.</summary>
    public bool IncludesUsage => StreamOptions is { ValueKind: JsonValueKind.Object } options && options.TryGetProperty("include_usage", out var include) && include.ValueKind == JsonValueKind.True;

    private IEnumerable<UnsupportedParameter> Unsupported =>
    [
        new("tools", Tools, Never, IsHarmless: false),
        new("tool_choice", ToolChoice, Text("none", "auto"), IsHarmless: false),
        new("functions", Functions, Never, IsHarmless: false),
        new("function_call", FunctionCall, Text("none", "auto"), IsHarmless: false),
        new("n", N, Number(1), IsHarmless: false),
        new("logprobs", Logprobs, False, IsHarmless: false),
        new("top_logprobs", TopLogprobs, Number(0), IsHarmless: false),
        new("audio", Audio, Never, IsHarmless: false),
        new("modalities", Modalities, IsTextOnly, IsHarmless: false),
        new("web_search_options", WebSearchOptions, Never, IsHarmless: false),
        new("prediction", Prediction, Never, IsHarmless: true),
        new("temperature", Temperature, Number(1), IsHarmless: true),
        new("top_p", TopP, Number(1), IsHarmless: true),
        new("top_k", TopK, Never, IsHarmless: true),
        new("presence_penalty", PresencePenalty, Number(0), IsHarmless: true),
        new("frequency_penalty", FrequencyPenalty, Number(0), IsHarmless: true),
        new("logit_bias", LogitBias, Never, IsHarmless: true),
        new("seed", Seed, Never, IsHarmless: true),
        new("verbosity", Verbosity, Text("medium"), IsHarmless: true),
        new("store", Store, False, IsHarmless: true),
        new("service_tier", ServiceTier, Text("auto", "default"), IsHarmless: true),
    ];

    /// <summary>The body as the domain sees it.</summary>
    /// <param name="ignoreHarmless"><c>IGNORE_UNSUPPORTED</c>.</param>
    public Result<CompletionRequest> Parse(bool ignoreHarmless)
    {
        if (FindRefused(Unsupported, ignoreHarmless) is { } refused)
        {
            return refused;
        }

        var fields = new FieldReader();
        if (Model is null)
        {
            fields.Refuse("model", "'model' is required. GET /v1/models lists those you can use.");
        }

        var model = Model is null ? null : fields.Take(ModelName.Create(Model));
        if (Messages is null)
        {
            fields.Refuse("messages", "'messages' is required: [{\"role\":\"user\",\"content\":\"…\"}].");
        }

        var (conversation, system) = Messages is { } messages ? fields.Take(MessageReader.ReadOpenAi(messages)) : default;
        var schema = ResponseFormat is { } format ? ReadFormat(fields, format) : null;
        var effort = ReasoningEffort is null ? (Effort?)null : fields.Take(EffortNames.Parse("reasoning_effort", ReasoningEffort));
        if (MaxTokens is not null && MaxCompletionTokens is not null && MaxTokens != MaxCompletionTokens)
        {
            fields.Refuse("max_completion_tokens", "'max_tokens' and 'max_completion_tokens' say different things. Send the latter.");
        }

        var maxTokens = MaxCompletionTokens is { } most ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_completion_tokens", most))
            : MaxTokens is { } tokens ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_tokens", tokens))
            : (int?)null;
        var stop = Stop is { ValueKind: not JsonValueKind.Null } given ? ReadStop(fields, given) : null;
        if (StreamOptions is { ValueKind: not JsonValueKind.Null } options)
        {
            fields.IsObject(options, "stream_options", "include_usage", "include_obfuscation");
        }

        return fields.Error is { } error
            ? error
            : new CompletionRequest(conversation!, system, model) { Schema = schema, Effort = effort, MaxOutputTokens = maxTokens, Stop = stop };
    }

    private static bool IsTextOnly(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && Text("text")(value[0]);

    private static OutputSchema? ReadFormat(FieldReader fields, JsonElement format)
    {
        const string Field = "response_format";
        if (format.ValueKind == JsonValueKind.Null || !fields.IsObject(format, Field, "type", "json_schema"))
        {
            return null;
        }

        switch (fields.Text(format, "type", Field))
        {
            case "text":
                return null;
            case "json_object":
                return OutputSchema.AnyObject;
            case "json_schema" when format.TryGetProperty("json_schema", out var holder)
                && fields.IsObject(holder, $"{Field}.json_schema", "name", "description", "schema", "strict")
                && holder.TryGetProperty("schema", out var schema):
                return fields.Take(OutputSchema.Create($"{Field}.json_schema.schema", schema));
            default:
                fields.Refuse(Field, $"'{Field}' is {{\"type\":\"text\"}}, {{\"type\":\"json_object\"}} or {{\"type\":\"json_schema\",\"json_schema\":{{\"name\":\"…\",\"schema\":{{…}}}}}}.");
                return null;
        }
    }

    private static StopSequences? ReadStop(FieldReader fields, JsonElement stop)
    {
        return stop.ValueKind switch
        {
            JsonValueKind.String => fields.Take(StopSequences.Create("stop", [fields.Text(stop, "stop")])),
            JsonValueKind.Array when stop.GetArrayLength() == 0 => null,
            JsonValueKind.Array => fields.Take(StopSequences.Create("stop", [.. stop.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? fields.Text(item, "stop") : null)])),
            _ => fields.Refuse<StopSequences?>("stop", "'stop' is a text or a list of texts.", null),
        };
    }
}

/// <summary>The answer of <c>POST /v1/chat/completions</c>, and with deltas instead of messages each of its chunks.</summary>
internal sealed record ChatCompletion(string Id, string Object, long Created, string Model, IReadOnlyList<ChatChoice> Choices)
{
    /// <summary>What it cost; of chunks only the last has one, and the others null where it was asked for.</summary>
    public ChatUsage? Usage { get; init; }
}

/// <summary>A chunk of a stream that ends with what it cost: all others say null.</summary>
internal sealed record ChatChunkWithUsage(
    string Id, string Object, long Created, string Model, IReadOnlyList<ChatChoice> Choices, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ChatUsage? Usage);

/// <summary>The one answer there is.</summary>
internal sealed record ChatChoice(
    int Index,
    ChatMessageContract? Message,
    ChatDelta? Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason);

/// <summary>A whole answer: its words are either the content or, where the model declined, the refusal.</summary>
internal sealed record ChatMessageContract(
    string Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Refusal)
{
    /// <summary>Lays an answer out.</summary>
    public static ChatMessageContract From(Completion completion) => ChatRefusal.Of(completion) is { } refusal
        ? new ChatMessageContract("assistant", Content: null, refusal)
        : new ChatMessageContract("assistant", completion.Text, Refusal: null);
}

/// <summary>A piece of one.</summary>
internal sealed record ChatDelta(string? Role, string? Content, string? Refusal = null);

/// <summary>The words of a model that declined to answer.</summary>
internal static class ChatRefusal
{
    private const string WithoutWords = "The model declined to answer this prompt.";

    /// <summary>Its words, or the relay's where it said none; null for an answer. OpenAI's SDKs take an empty refusal for none.</summary>
    public static string? Of(Completion completion) =>
        completion.StopReason != "refusal" ? null : string.IsNullOrWhiteSpace(completion.Text) ? WithoutWords : completion.Text;
}

/// <summary>Tokens.</summary>
internal sealed record ChatUsage(long PromptTokens, long CompletionTokens, long TotalTokens, ChatPromptDetails PromptTokensDetails)
{
    /// <summary>Maps a usage: OpenAI's prompt tokens are all that was read, cached or not.</summary>
    public static ChatUsage From(TokenUsage usage)
    {
        var prompt = usage.InputTokens + usage.CacheCreationInputTokens + usage.CacheReadInputTokens;
        return new ChatUsage(prompt, usage.OutputTokens, prompt + usage.OutputTokens, new ChatPromptDetails(usage.CacheReadInputTokens));
    }
}

/// <summary>Tokens of the prompt that were read from a cache.</summary>
internal sealed record ChatPromptDetails(long CachedTokens);

internal static class FinishReason
{
    /// <summary>OpenAI's word for Anthropic's.</summary>
    public static string From(string? stopReason) => stopReason switch
    {
        "max_tokens" or "model_context_window_exceeded" => "length",
        "refusal" => "content_filter",
        _ => "stop",
    };
}
