using System.Text.Json;
using Relay.Api.Completions;
using Relay.Application.Models;
using Relay.Domain;
using Relay.Domain.Completions;
using static Relay.Api.Http.UnsupportedParameter;

namespace Relay.Api.Anthropic;

/// <summary>
/// Reads the body of <c>POST /v1/messages</c> and of <c>/v1/messages/count_tokens</c> as Anthropic's own API takes it. A field that would
/// change the kind of answer is refused by name. A field that only influences it, or is unknown, is ignored and named. <c>cache_control</c>
/// is taken anywhere and ignored: Claude Code sets three of the API's four breakpoints itself, and a caller's could cause a 400.
/// </summary>
internal static class MessageBody
{
    private static readonly UnsupportedParameter[] Unsupported =
    [
        new("mcp_servers", Never, IsHarmless: false),
        new(AnthropicError.Thread, Never, IsHarmless: false),
        new("container", Never, IsHarmless: false),
        new("context_management", Never, IsHarmless: false),
        new("inference_geo", Never, IsHarmless: false),
        new("service_tier", Text("auto", "standard_only"), IsHarmless: true),
        new("speed", Text("standard"), IsHarmless: true),
    ];

    /// <summary>The body as the domain sees it. Anthropic requires a cap for an answer, and none for an estimate.</summary>
    public static Result<ParsedBody> Parse(JsonElement root, IModelNames models, bool needsMaxTokens)
    {
        var fields = new FieldReader();
        var body = new LenientBody(
            root,
            fields,
            needsMaxTokens ? ContractFields.Of<MessageRequest>() : ContractFields.Of<CountTokensRequest>()
        );
        var tools = new ToolReader(fields, body.Ignore).ReadAnthropic(body.Find("tools"), body.Find("tool_choice"));
        body.Sort(Unsupported);
        var model = fields.ReadModel(body, models);
        if (body.FindList("messages") is not { } messages)
        {
            fields.Refuse("messages", "'messages' is required: [{\"role\":\"user\",\"content\":\"…\"}].");
            return fields.Error!;
        }

        var cap = body.WholeNumber("max_tokens");
        if (needsMaxTokens && cap is null)
        {
            fields.Refuse("max_tokens", "'max_tokens' is required: the most tokens of the answer.");
        }

        var (conversation, system) = fields.Take(MessageReader.ReadAnthropic(messages, body.Find("system")));
        var maxTokens = cap is { } tokens ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_tokens", tokens)) : (int?)null;
        var stop = body.Find("stop_sequences") is { } texts ? ReadStop(fields, texts) : null;
        var (effort, schema) = body.Find("output_config") is { } config ? ReadConfig(fields, config) : (null, null);
        var format = body.Find("output_format");
        schema ??= format is { } alone ? ReadFormat(fields, alone, "output_format") : null;
        var parameters = ParameterFields.Read(body, fields);
        var isStream = body.Flag("stream");
        return fields.Error is { } error
            ? error
            : new ParsedBody(
                new CompletionRequest(conversation!, system, model)
                {
                    Schema = schema,
                    Effort = effort,
                    MaxOutputTokens = maxTokens,
                    Stop = stop,
                    Parameters = parameters,
                    Tools = tools,
                },
                isStream,
                body.FindIgnored()
            );
    }

    private static StopSequences? ReadStop(FieldReader fields, JsonElement texts) =>
        texts.ValueKind == JsonValueKind.Array
            ? fields.Take(
                StopSequences.Create(
                    "stop_sequences",
                    [
                        .. texts
                            .EnumerateArray()
                            .Select(item => item.ValueKind == JsonValueKind.String ? fields.Text(item, "stop_sequences") : null),
                    ]
                )
            )
            : fields.Refuse<StopSequences?>("stop_sequences", "'stop_sequences' takes a list of texts.", null);

    private static (Effort? Effort, OutputSchema? Schema) ReadConfig(FieldReader fields, JsonElement config)
    {
        const string Field = "output_config";
        if (config.ValueKind != JsonValueKind.Object)
        {
            fields.Refuse(Field, $"'{Field}' is not an object.");
            return (null, null);
        }

        var effort = fields.Text(config, "effort", Field);
        return (
            effort is null ? null : fields.Take(EffortNames.ParseOrLeast($"{Field}.effort", effort)),
            config.TryGetProperty("format", out var format) && format.ValueKind != JsonValueKind.Null
                ? ReadFormat(fields, format, $"{Field}.format")
                : null
        );
    }

    private static OutputSchema? ReadFormat(FieldReader fields, JsonElement format, string field)
    {
        if (
            format.ValueKind == JsonValueKind.Object
            && fields.Text(format, "type", field) == "json_schema"
            && format.TryGetProperty("schema", out var schema)
        )
        {
            return fields.Take(OutputSchema.Create($"{field}.schema", schema));
        }

        fields.Refuse(field, $"'{field}' takes {{\"type\":\"json_schema\",\"schema\":{{…}}}}.");
        return null;
    }
}
