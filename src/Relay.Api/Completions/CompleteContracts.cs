using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.Http;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;

namespace Relay.Api.Completions;

/// <summary>How an answer is laid out.</summary>
internal enum OutputFormat
{
    /// <summary><c>text</c>, without usage.</summary>
    Text,

    /// <summary><c>result</c>, with usage.</summary>
    Json,
}

/// <summary>The body of <c>POST /v1/complete</c>.</summary>
/// <param name="Prompt">What to answer; required, unless there are messages.</param>
/// <param name="System">The system prompt.</param>
/// <param name="Model">One of <c>GET /v1/models</c>; the operator's default when missing.</param>
/// <param name="OutputFormat"><c>text</c> (default) or <c>json</c>.</param>
/// <param name="Messages">A conversation instead of the prompt: <c>[{"role":"user","content":"…"}, …]</c>, see <see cref="MessageReader"/>.</param>
/// <param name="Stream">Whether to answer with events; false when missing.</param>
/// <param name="JsonSchema">The schema that the answer must fit.</param>
/// <param name="Effort"><c>low</c>, <c>medium</c>, <c>high</c>, <c>xhigh</c> or <c>max</c>.</param>
/// <param name="MaxTokens">Most tokens of the answer.</param>
/// <param name="Stop">Texts at which the answer ends.</param>
/// <param name="Temperature">How freely the model chooses, from 0 to 1.</param>
/// <param name="TopP">The share of the likeliest words that the model chooses from, from 0 to 1.</param>
/// <param name="TopK">The number of the likeliest words that the model chooses from.</param>
/// <param name="Thinking"><c>{"type":"disabled"}</c>, <c>{"type":"adaptive"}</c> or <c>{"type":"enabled","budget_tokens":2048}</c>.</param>
/// <param name="Tools">Tools that the caller runs: <c>[{"name":"…","description":"…","input_schema":{…}}]</c>.</param>
/// <param name="ToolChoice"><c>{"type":"auto"}</c>, <c>{"type":"any"}</c>, <c>{"type":"none"}</c> or <c>{"type":"tool","name":"…"}</c>.</param>
internal sealed record CompleteBody(
    string? Prompt,
    string? System,
    string? Model,
    string? OutputFormat,
    JsonElement? Messages = null,
    bool? Stream = null,
    JsonElement? JsonSchema = null,
    string? Effort = null,
    long? MaxTokens = null,
    IReadOnlyList<string?>? Stop = null,
    double? Temperature = null,
    double? TopP = null,
    long? TopK = null,
    JsonElement? Thinking = null,
    JsonElement? Tools = null,
    JsonElement? ToolChoice = null)
{
    /// <summary>The body as the domain sees it.</summary>
    public Result<(CompletionRequest Request, OutputFormat Format)> Parse()
    {
        var fields = new FieldReader();
        if (Prompt is not null && Messages is not null)
        {
            fields.Refuse("messages", "Send either 'prompt' or 'messages', not both.");
        }

        var conversation = Messages is { } messages
            ? fields.Take(MessageReader.ReadNative(messages))
            : fields.Take(PromptText.Create("prompt", Prompt)) is { } prompt ? Conversation.Of(prompt) : null;
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
            _ => fields.Refuse("output_format", "'output_format' is either \"text\" or \"json\".", Completions.OutputFormat.Text),
        };
        return fields.Error is { } error
            ? error
            : (new CompletionRequest(conversation!, system, model) { Schema = schema, Effort = effort, MaxOutputTokens = maxTokens, Stop = stop, Parameters = parameters, Tools = tools }, format);
    }

    /// <summary>A value that asks for something.</summary>
    private static JsonElement? NonEmpty(JsonElement? value) => value is { ValueKind: not JsonValueKind.Null } given && !(given.ValueKind == JsonValueKind.Array && given.GetArrayLength() == 0) ? given : null;

    private ModelParameters ReadParameters(FieldReader fields) => ModelParameters.Of(
        Temperature is { } temperature ? fields.Take(ModelParameters.ReadShare("temperature", temperature)) : null,
        TopP is { } topP ? fields.Take(ModelParameters.ReadShare("top_p", topP)) : null,
        TopK is { } topK ? fields.Take(ModelParameters.ReadTopK("top_k", topK)) : null,
        Thinking is { ValueKind: not JsonValueKind.Null } thinking ? ParameterFields.ReadThinking(thinking, fields, "type", "budget_tokens") : null);
}

/// <summary>
/// The answer of <c>POST /v1/complete</c>: <c>text</c>, or <c>result</c> and <c>usage</c>; with a schema also <c>structured_output</c>; with calls
/// of tools <c>tool_calls</c>; with thoughts <c>thinking</c>.
/// </summary>
internal sealed record CompleteAnswer(
    bool Ok, string Model, long DurationMs, string? Text, string? Result, JsonElement? StructuredOutput, string? StopReason, string? StopSequence, UsageContract? Usage)
{
    /// <summary>Calls of the caller's tools, in order; null for none.</summary>
    public IReadOnlyList<ToolUseContract>? ToolCalls { get; init; }

    /// <summary>Thoughts of the model, in order; null for none.</summary>
    public IReadOnlyList<object>? Thinking { get; init; }

    /// <summary>Lays an answer out.</summary>
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
            isJson ? UsageContract.From(completion.Usage) : null)
        {
            ToolCalls = ToolCallsOf(completion),
            Thinking = AnswerBlockContracts.ThoughtsOf(completion) is { Count: > 0 } thoughts ? thoughts : null,
        };
    }

    /// <summary>Calls of the caller's tools; null for none.</summary>
    public static IReadOnlyList<ToolUseContract>? ToolCallsOf(Completion completion) =>
        completion.ToolCalls.Select(ToolUseContract.From).ToList() is { Count: > 0 } calls ? calls : null;

    /// <summary>The answer as the object it is; null for one without a schema.</summary>
    public static JsonElement? StructuredOutputOf(Completion completion) => completion.IsStructured ? JsonElement.Parse(completion.Text) : null;
}

/// <summary>The data of the event <c>done</c>.</summary>
internal sealed record DoneEvent(string Model, long DurationMs, UsageContract Usage, string? StopReason, string? StopSequence, JsonElement? StructuredOutput)
{
    /// <summary>Sums an answer up.</summary>
    public static DoneEvent From(Completion completion, TimeSpan duration) => new(
        completion.Model.Value,
        (long)duration.TotalMilliseconds,
        UsageContract.From(completion.Usage),
        completion.StopReason,
        completion.StopSequence,
        CompleteAnswer.StructuredOutputOf(completion));
}

/// <summary>Tokens and cost of an answer; <c>cost_usd</c> is null for an answer cut at the output cap.</summary>
internal sealed record UsageContract(
    long InputTokens,
    long OutputTokens,
    long CacheCreationInputTokens,
    long CacheReadInputTokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] decimal? CostUsd)
{
    /// <summary>Maps a usage.</summary>
    public static UsageContract From(TokenUsage usage) =>
        new(usage.InputTokens, usage.OutputTokens, usage.CacheCreationInputTokens, usage.CacheReadInputTokens, usage.CostUsd);
}
