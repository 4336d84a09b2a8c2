using System.Text.Json;
using System.Text.Json.Serialization;
using Relay.Api.Completions;
using Relay.Api.Http;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using static Relay.Api.Http.UnsupportedParameter;

namespace Relay.Api.Anthropic;

/// <summary>
/// The body of <c>POST /v1/messages</c> and of <c>/v1/messages/count_tokens</c>. What is not honoured is named, so that it can be
/// refused; <c>metadata</c>, <c>service_tier: auto</c> and <c>cache_control</c> change no answer.
/// </summary>
internal sealed record MessageBody(
    string? Model,
    JsonElement? Messages,
    long? MaxTokens,
    JsonElement? System,
    bool? Stream,
    IReadOnlyList<string?>? StopSequences,
    JsonElement? Thinking,
    JsonElement? OutputConfig,
    JsonElement? OutputFormat,
    JsonElement? Tools,
    JsonElement? ToolChoice,
    JsonElement? McpServers,
    JsonElement? Container,
    JsonElement? ContextManagement,
    JsonElement? Temperature,
    JsonElement? TopP,
    JsonElement? TopK,
    JsonElement? ServiceTier,
    JsonElement? Speed,
    JsonElement? InferenceGeo,
    JsonElement? Metadata,
    JsonElement? CacheControl)
{
    private IEnumerable<UnsupportedParameter> Unsupported =>
    [
        new("tools", Tools, Never, IsHarmless: false),
        new("tool_choice", ToolChoice, value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && Text("none", "auto")(type), IsHarmless: false),
        new("mcp_servers", McpServers, Never, IsHarmless: false),
        new("container", Container, Never, IsHarmless: false),
        new("context_management", ContextManagement, Never, IsHarmless: false),
        new("inference_geo", InferenceGeo, Never, IsHarmless: false),
        // Claude Code has the model think as it sees fit, and has no switch for it.
        new("thinking", Thinking, value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && Text("adaptive")(type), IsHarmless: true),
        new("temperature", Temperature, Number(1), IsHarmless: true),
        new("top_p", TopP, Number(1), IsHarmless: true),
        new("top_k", TopK, Never, IsHarmless: true),
        new("service_tier", ServiceTier, Text("auto", "standard_only"), IsHarmless: true),
        new("speed", Speed, Text("standard"), IsHarmless: true),
    ];

    /// <summary>The body as the domain sees it.</summary>
    /// <param name="ignoreHarmless"><c>IGNORE_UNSUPPORTED</c>.</param>
    /// <param name="needsMaxTokens">Whether a cap on the answer is required, as Anthropic does where there will be one.</param>
    public Result<CompletionRequest> Parse(bool ignoreHarmless, bool needsMaxTokens)
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

        if (needsMaxTokens && MaxTokens is null)
        {
            fields.Refuse("max_tokens", "'max_tokens' is required: the most tokens of the answer.");
        }

        var conversation = Messages is { } messages ? fields.Take(MessageReader.ReadAnthropic(messages)) : null;
        var system = System is { } words && !IsEmpty(words) ? fields.Take(MessageReader.ReadText("system", words)) : null;
        var maxTokens = MaxTokens is { } tokens ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_tokens", tokens)) : (int?)null;
        var stop = StopSequences is null or [] ? null : fields.Take(Domain.Completions.StopSequences.Create("stop_sequences", StopSequences));
        var (effort, schema) = OutputConfig is { ValueKind: not JsonValueKind.Null } config ? ReadConfig(fields, config) : (null, null);
        schema ??= OutputFormat is { } format ? ReadFormat(fields, format, "output_format") : null;
        return fields.Error is { } error
            ? error
            : new CompletionRequest(conversation!, system, model) { Schema = schema, Effort = effort, MaxOutputTokens = maxTokens, Stop = stop };
    }

    private static bool IsEmpty(JsonElement system) => system.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => JsonText.Read(system) == string.Empty,
        JsonValueKind.Array => system.GetArrayLength() == 0,
        _ => false,
    };

    private static (Effort? Effort, OutputSchema? Schema) ReadConfig(FieldReader fields, JsonElement config)
    {
        const string Field = "output_config";
        if (!fields.IsObject(config, Field, "effort", "format"))
        {
            return (null, null);
        }

        var effort = fields.Text(config, "effort", Field);
        return (
            effort is null ? null : fields.Take(EffortNames.Parse($"{Field}.effort", effort)),
            config.TryGetProperty("format", out var format) ? ReadFormat(fields, format, $"{Field}.format") : null);
    }

    private static OutputSchema? ReadFormat(FieldReader fields, JsonElement format, string field)
    {
        if (format.ValueKind == JsonValueKind.Null || !fields.IsObject(format, field, "type", "schema"))
        {
            return null;
        }

        if (fields.Text(format, "type", field) == "json_schema" && format.TryGetProperty("schema", out var schema))
        {
            return fields.Take(OutputSchema.Create($"{field}.schema", schema));
        }

        fields.Refuse(field, $"'{field}' is {{\"type\":\"json_schema\",\"schema\":{{…}}}}.");
        return null;
    }
}

/// <summary>The answer of <c>POST /v1/messages</c>.</summary>
internal sealed record MessageAnswer(
    string Id,
    string Type,
    string Role,
    string Model,
    IReadOnlyList<MessageText> Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopReason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? StopSequence,
    MessageUsage Usage)
{
    /// <summary>A message, whole or only begun.</summary>
    public static MessageAnswer Of(string id, string model, IReadOnlyList<MessageText> content, string? stopReason, string? stopSequence, MessageUsage usage) =>
        new(id, "message", "assistant", model, content, stopReason, stopSequence, usage);
}

/// <summary>A block of words.</summary>
internal sealed record MessageText(string Type, string Text)
{
    /// <summary>These words.</summary>
    public static MessageText Of(string text) => new("text", text);
}

/// <summary>Tokens.</summary>
internal sealed record MessageUsage(long InputTokens, long OutputTokens, long CacheCreationInputTokens, long CacheReadInputTokens)
{
    /// <summary>Maps a usage.</summary>
    public static MessageUsage From(TokenUsage usage) => new(usage.InputTokens, usage.OutputTokens, usage.CacheCreationInputTokens, usage.CacheReadInputTokens);
}

/// <summary>The answer of <c>POST /v1/messages/count_tokens</c>.</summary>
internal sealed record TokenCount(long InputTokens);
