using System.Text.Json;
using Relay.Api.Completions;
using Relay.Application.Models;
using Relay.Domain;
using Relay.Domain.Completions;
using static Relay.Api.Http.UnsupportedParameter;

namespace Relay.Api.OpenAi;

/// <summary>
/// Reads the body of <c>POST /v1/chat/completions</c> as OpenAI's own API takes it. A field that would change the kind of answer is
/// refused by name. A field that only influences it, or is unknown, is ignored and named.
/// </summary>
internal static class ChatCompletionBody
{
    private static readonly UnsupportedParameter[] Unsupported =
    [
        new("n", Number(1), IsHarmless: false),
        new("logprobs", False, IsHarmless: false),
        new("top_logprobs", Number(0), IsHarmless: false),
        new("audio", Never, IsHarmless: false),
        new("modalities", IsTextOnly, IsHarmless: false),
        new("web_search_options", Never, IsHarmless: false),
        new("presence_penalty", Number(0), IsHarmless: true),
        new("frequency_penalty", Number(0), IsHarmless: true),
        new("verbosity", Text("medium"), IsHarmless: true),
        new("store", False, IsHarmless: true),
        new("service_tier", Text("auto", "default"), IsHarmless: true),
    ];

    public static Result<ParsedBody> Parse(JsonElement root, IModelNames models)
    {
        var fields = new FieldReader();
        var body = new LenientBody(root, fields, ContractFields.Of<ChatCompletionRequest>());
        var tools = new ToolReader(fields, body.Ignore).ReadOpenAi(body, out var hasFunctions);
        body.Sort(Unsupported);
        var model = fields.ReadModel(body, models);
        if (body.FindList("messages") is not { } messages)
        {
            fields.Refuse("messages", "'messages' is required: [{\"role\":\"user\",\"content\":\"…\"}].");
            return fields.Error!;
        }

        var (conversation, system) = fields.Take(MessageReader.ReadOpenAi(messages));
        var schema = body.Find("response_format") is { } format ? ReadFormat(fields, format) : null;
        var effort = ReadEffort(body, fields);
        var (cap, other) = (body.WholeNumber("max_completion_tokens"), body.WholeNumber("max_tokens"));
        if (cap is not null && other is not null && cap != other)
        {
            fields.Refuse("max_completion_tokens", "'max_tokens' and 'max_completion_tokens' say different things. Send the latter.");
        }

        var maxTokens =
            cap is { } most ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_completion_tokens", most))
            : other is { } tokens ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_tokens", tokens))
            : (int?)null;
        var stop = body.Find("stop") is { } given ? ReadStop(fields, given) : null;
        var parameters = ParameterFields.ReadOpenAi(body, fields);
        var isStream = body.Flag("stream");
        var includesUsage =
            body.Find("stream_options") is { ValueKind: JsonValueKind.Object } options
            && options.TryGetProperty("include_usage", out var include)
            && include.ValueKind == JsonValueKind.True;
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
            )
            {
                IncludesUsage = includesUsage,
                HasFunctions = hasFunctions,
            };
    }

    /// <summary>Reads <c>reasoning_effort</c>, or <c>effort</c> in <c>reasoning</c>.</summary>
    private static Effort? ReadEffort(LenientBody body, FieldReader fields)
    {
        var reasoning = body.Find("reasoning");
        var (field, name) =
            body.Text("reasoning_effort") is { } own ? ("reasoning_effort", own)
            : reasoning is { ValueKind: JsonValueKind.Object } holder ? ("reasoning.effort", fields.Text(holder, "effort", "reasoning"))
            : ("reasoning", null);
        if (reasoning is not null && field != "reasoning.effort")
        {
            body.Ignore("reasoning");
        }

        return name switch
        {
            null or "default" => null,
            _ => fields.Take(EffortNames.ParseOrLeast(field, name)),
        };
    }

    private static bool IsTextOnly(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && Text("text")(value[0]);

    private static OutputSchema? ReadFormat(FieldReader fields, JsonElement format)
    {
        const string Field = "response_format";
        if (format.ValueKind == JsonValueKind.Object)
        {
            switch (fields.Text(format, "type", Field))
            {
                case "text":
                    return null;
                case "json_object":
                    return format.TryGetProperty("schema", out var beside) && beside.ValueKind != JsonValueKind.Null
                        ? fields.Take(OutputSchema.Create($"{Field}.schema", beside))
                        : OutputSchema.AnyObject;
                case "json_schema"
                    when format.TryGetProperty("json_schema", out var holder)
                        && holder.ValueKind == JsonValueKind.Object
                        && holder.TryGetProperty("schema", out var schema):
                    return fields.Take(OutputSchema.Create($"{Field}.json_schema.schema", schema));
            }
        }

        fields.Refuse(
            Field,
            $"'{Field}' takes {{\"type\":\"text\"}}, {{\"type\":\"json_object\"}} or "
                + $"{{\"type\":\"json_schema\",\"json_schema\":{{\"name\":\"…\",\"schema\":{{…}}}}}}."
        );
        return null;
    }

    private static StopSequences? ReadStop(FieldReader fields, JsonElement stop) =>
        stop.ValueKind switch
        {
            JsonValueKind.String => fields.Text(stop, "stop") is { Length: > 0 } only
                ? fields.Take(StopSequences.Create("stop", [only]))
                : null,
            JsonValueKind.Array => fields.Take(
                StopSequences.Create(
                    "stop",
                    [.. stop.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.String ? fields.Text(item, "stop") : null)]
                )
            ),
            _ => fields.Refuse<StopSequences?>("stop", "'stop' takes a text or a list of texts.", null),
        };
}
