using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.OpenApi;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Api.Completions;

/// <summary>The format of an answer.</summary>
internal enum OutputFormat
{
    /// <summary><c>text</c>, without usage.</summary>
    Text,

    /// <summary><c>result</c>, with usage.</summary>
    Json,
}

/// <summary>
/// A prompt or a conversation. Prompt, history, system prompt and schema together have at most the operator's <c>MAX_INPUT_BYTES</c>
/// (200,000 UTF-8 bytes by default).
/// </summary>
/// <param name="Prompt">The question. Send either this or <c>messages</c>.</param>
/// <param name="System">The system prompt. An empty text counts as missing.</param>
/// <param name="Model">
/// A name of <c>GET /v1/models</c>, or a full id (<c>claude-…</c>) of a family that is on that list. When missing: the operator's
/// <c>DEFAULT_MODEL</c>.
/// </param>
/// <param name="OutputFormat">
/// <c>text</c>: the answer is in <c>text</c>. <c>json</c>: the answer is in <c>result</c>, beside <c>usage</c>. Streams always end with
/// usage.
/// </param>
/// <param name="Messages">
/// A conversation instead of the prompt, oldest message first. It begins and ends with a message of the user. Several messages of one side
/// in a row are one turn of that side. At most 500 messages, 20 pictures, 1,000 blocks per message and 5,000 blocks in all.
/// </param>
/// <param name="Stream">Whether the answer comes as server-sent events while it is made.</param>
/// <param name="JsonSchema">
/// The schema that the answer must fit. The answer is then also in <c>structured_output</c>. Not together with <c>stop</c>.
/// </param>
/// <param name="Effort">The effort of the model's thinking. When missing: Claude Code's own default.</param>
/// <param name="MaxTokens">
/// Most tokens of the answer. A larger number counts as the operator's <c>MAX_OUTPUT_TOKENS</c> (16,000 by default).
/// </param>
/// <param name="Stop">Texts at which the answer ends, without them. Not together with a schema. Lengths count UTF-16 units.</param>
/// <param name="Temperature">
/// The randomness of the model's words. When missing, or 1: the API's default. Beside it the model does not think, unless <c>thinking</c>
/// says so.
/// </param>
/// <param name="TopP">The share of the likeliest words that the model chooses from. When missing, or 1: all.</param>
/// <param name="TopK">The number of the likeliest words that the model chooses from. When missing: all.</param>
/// <param name="Thinking">
/// Whether the model thinks before it answers, and most tokens of its thoughts. The answer has the thoughts that the API shows. When
/// missing: Claude Code's own default without thoughts in the answer, and no thinking beside <c>temperature</c>, <c>top_p</c> and
/// <c>top_k</c>.
/// </param>
/// <param name="Tools">Tools that the caller runs. The model calls them; the relay runs no tool.</param>
/// <param name="ToolChoice">
/// Whether the model calls a tool: as it decides (<c>auto</c>), none, at least one (<c>any</c>), or this one (<c>tool</c>). The last two
/// need <c>tools</c>.
/// </param>
[RequestContract]
[Keywords(
    """
        {"oneOf":[
          {"title":"a prompt","required":["prompt"],"properties":{"prompt":{"type":"string"}}},
          {"title":"a conversation","required":["messages"],"properties":{"messages":{"type":"array"}}}]}
        """
)]
internal sealed record CompleteBody(
    [property: RegularExpression(Patterns.Visible)] string? Prompt,
    [property: RegularExpression(@"^$|\S")] string? System,
    [property: MaxLength(ModelName.MaxLength), RegularExpression(Patterns.ModelName)] string? Model,
    [property: Values("text", "json"), DefaultValue("text")] string? OutputFormat,
    [property: OneOf(typeof(IReadOnlyList<NativeMessage>)), Keywords("""{"minItems":1}""")] JsonElement? Messages = null,
    [property: DefaultValue(false)] bool? Stream = null,
    [property: OneOf(typeof(AnswerSchema))] JsonElement? JsonSchema = null,
    [property: Values("low", "medium", "high", "xhigh", "max")] string? Effort = null,
    [property: Keywords(BodyKeywords.AtLeastOne)] long? MaxTokens = null,
    [property: Keywords(BodyKeywords.StopTexts, Alone = true)] IReadOnlyList<string?>? Stop = null,
    [property: Range(0d, 1d)] double? Temperature = null,
    [property: Range(0d, 1d)] double? TopP = null,
    [property: Range(1, int.MaxValue)] long? TopK = null,
    [property: OneOf(typeof(ThinkingOff), typeof(ThinkingOn))] JsonElement? Thinking = null,
    [property: OneOf(typeof(IReadOnlyList<NativeTool>)), Keywords("""{"maxItems":256}""")] JsonElement? Tools = null,
    [property: OneOf(typeof(FreeToolChoice), typeof(OneToolChoice), typeof(EmptyList))] JsonElement? ToolChoice = null
)
{
    public Result<(CompletionRequest Request, OutputFormat Format)> Parse()
    {
        var fields = new FieldReader();
        if (Prompt is not null && Messages is not null)
        {
            fields.Refuse("messages", "Send either 'prompt' or 'messages', not both.");
        }

        var conversation =
            Messages is { } messages ? fields.Take(MessageReader.ReadNative(messages))
            : fields.Take(PromptText.Create("prompt", Prompt)) is { } prompt ? Conversation.Of(prompt)
            : null;
        var system = string.IsNullOrEmpty(System) ? null : fields.Take(PromptText.Create("system", System));
        var model = Model is null ? null : fields.Take(ModelName.Create(Model));
        var schema = JsonSchema is { } given ? fields.Take(OutputSchema.Create("json_schema", given)) : null;
        var effort = Effort is null ? (Effort?)null : fields.Take(EffortNames.Parse("effort", Effort));
        var maxTokens = MaxTokens is { } tokens ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_tokens", tokens)) : (int?)null;
        var stop = Stop is null or [] ? null : fields.Take(StopSequences.Create("stop", Stop));
        var parameters = ReadParameters(fields);
        var tools = new ToolReader(fields, ignore: null).ReadAnthropic(NonEmpty(Tools), NonEmpty(ToolChoice));
        var format = OutputFormat switch
        {
            null or "text" => Completions.OutputFormat.Text,
            "json" => Completions.OutputFormat.Json,
            _ => fields.Refuse("output_format", "'output_format' takes \"text\" or \"json\".", Completions.OutputFormat.Text),
        };
        return fields.Error is { } error
            ? error
            : (
                new CompletionRequest(conversation!, system, model)
                {
                    Schema = schema,
                    Effort = effort,
                    MaxOutputTokens = maxTokens,
                    Stop = stop,
                    Parameters = parameters,
                    Tools = tools,
                },
                format
            );
    }

    /// <summary>A value that asks for something.</summary>
    private static JsonElement? NonEmpty(JsonElement? value) =>
        value is { ValueKind: not JsonValueKind.Null } given && !(given.ValueKind == JsonValueKind.Array && given.GetArrayLength() == 0)
            ? given
            : null;

    private ModelParameters ReadParameters(FieldReader fields) =>
        ModelParameters.Of(
            Temperature is { } temperature ? fields.Take(ModelParameters.ReadShare("temperature", temperature)) : null,
            TopP is { } topP ? fields.Take(ModelParameters.ReadShare("top_p", topP)) : null,
            TopK is { } topK ? fields.Take(ModelParameters.ReadTopK("top_k", topK)) : null,
            Thinking is { ValueKind: not JsonValueKind.Null } thinking
                ? ParameterFields.ReadThinking(thinking, fields, "type", "budget_tokens", "display")
                : null
        );
}

/// <summary>A whole answer.</summary>
/// <param name="Ok">Always true.</param>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="DurationMs">Milliseconds from the arrival of the request to its answer.</param>
/// <param name="Text">The answer, with <c>output_format: text</c>.</param>
/// <param name="Result">The answer, with <c>output_format: json</c>.</param>
/// <param name="StructuredOutput">The answer as the JSON that it is. Present only with <c>json_schema</c>.</param>
/// <param name="StopReason">
/// Why the model stopped, in Anthropic's words: <c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, <c>refusal</c> and others.
/// </param>
/// <param name="StopSequence">The stop text that ended the answer. Absent when no stop text did.</param>
/// <param name="Usage">Tokens and cost, with <c>output_format: json</c>.</param>
[Keywords(
    """
        {"oneOf":[
          {"title":"as text","required":["text"],"properties":{"result":{"not":{}},"usage":{"not":{}}}},
          {"title":"as json","required":["result","usage"],"properties":{"text":{"not":{}}}}]}
        """
)]
internal sealed record CompleteAnswer(
    [property: Values(true)] bool Ok,
    string Model,
    long DurationMs,
    string? Text,
    string? Result,
    JsonElement? StructuredOutput,
    string? StopReason,
    string? StopSequence,
    UsageContract? Usage
)
{
    /// <summary>Calls of the caller's tools, in order. Absent without calls.</summary>
    public IReadOnlyList<ToolUseContract>? ToolCalls { get; init; }

    /// <summary>Thoughts of the model, in order, for a request with <c>thinking</c>. Absent without thoughts.</summary>
    [OneOf(typeof(IReadOnlyList<AnyThought>))]
    public IReadOnlyList<object>? Thinking { get; init; }

    /// <summary>The words that cite documents, in order, each with its citations. Absent without citations.</summary>
    public IReadOnlyList<TextContract>? Citations { get; init; }

    public static CompleteAnswer From(Completion completion, OutputFormat format, TimeSpan duration)
    {
        var isJson = format == OutputFormat.Json;
        return new CompleteAnswer(
            Ok: true,
            completion.Model.Value,
            (long)duration.TotalMilliseconds,
            isJson ? null : completion.Text,
            isJson ? completion.Text : null,
            StructuredOutputOf(completion),
            completion.StopReason,
            completion.StopSequence,
            isJson ? UsageContract.From(completion.Usage) : null
        )
        {
            ToolCalls = ToolCallsOf(completion),
            Thinking = AnswerBlockContracts.ThoughtsOf(completion) is { Count: > 0 } thoughts ? thoughts : null,
            Citations = completion.Content.OfType<AnswerText>().Where(text => text.Citations.Count > 0).Select(TextContract.From).ToList()
                is { Count: > 0 } cited
                ? cited
                : null,
        };
    }

    public static IReadOnlyList<ToolUseContract>? ToolCallsOf(Completion completion) =>
        completion.ToolCalls.Select(ToolUseContract.From).ToList() is { Count: > 0 } calls ? calls : null;

    public static JsonElement? StructuredOutputOf(Completion completion) =>
        completion.IsStructured ? JsonElement.Parse(completion.Text) : null;
}

/// <summary>The answer is whole.</summary>
/// <param name="Model">The model that answered, as Anthropic's API names it.</param>
/// <param name="DurationMs">Milliseconds from the arrival of the request to its answer.</param>
/// <param name="Usage">Tokens and cost.</param>
/// <param name="StopReason">
/// Why the model stopped, in Anthropic's words: <c>end_turn</c>, <c>max_tokens</c>, <c>stop_sequence</c>, <c>refusal</c> and others.
/// </param>
/// <param name="StopSequence">The stop text that ended the answer. Absent when no stop text did.</param>
/// <param name="StructuredOutput">The answer as the JSON that it is. Present only with <c>json_schema</c>.</param>
internal sealed record DoneEvent(
    string Model,
    long DurationMs,
    UsageContract Usage,
    string? StopReason,
    string? StopSequence,
    JsonElement? StructuredOutput
)
{
    public static DoneEvent From(Completion completion, TimeSpan duration) =>
        new(
            completion.Model.Value,
            (long)duration.TotalMilliseconds,
            UsageContract.From(completion.Usage),
            completion.StopReason,
            completion.StopSequence,
            CompleteAnswer.StructuredOutputOf(completion)
        );
}

/// <summary>Tokens and cost of one answer, as Claude Code reports them.</summary>
/// <param name="InputTokens">Tokens read at the full price.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheCreationInputTokens">Tokens put into Anthropic's prompt cache.</param>
/// <param name="CacheReadInputTokens">Tokens read from Anthropic's prompt cache.</param>
/// <param name="CostUsd">
/// US dollars by list price, also on a subscription. Null for an answer that was cut before Claude Code had counted its cost.
/// </param>
internal sealed record UsageContract(
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] decimal? CostUsd
)
{
    public static UsageContract From(TokenUsage usage) =>
        new(usage.InputTokens, usage.OutputTokens, usage.CacheCreationInputTokens, usage.CacheReadInputTokens, usage.CostUsd);
}
