using System.Text.Json;
using Relay.Api.Completions;
using Relay.Application.Models;
using Relay.Domain;
using Relay.Domain.Completions;
using static Relay.Api.Http.UnsupportedParameter;

namespace Relay.Api.Responses;

/// <summary>
/// A body of <c>POST /v1/responses</c> as the relay understands it. <c>Echo</c> holds the fields that the answer repeats. <c>MayRefer</c>:
/// the caller may send ids of the answer's items later, instead of the items.
/// </summary>
internal sealed record ResponseRequest(ParsedBody Body, ResponseEcho Echo, bool MayRefer);

/// <summary>
/// Reads the body of <c>POST /v1/responses</c> as OpenAI's own API takes it. The relay stores nothing: a field that refers to an earlier
/// response is refused, and its error names the field to send instead. Fields that only influence the answer are ignored and named.
/// </summary>
internal static class ResponseBody
{
    private const string NothingStored = "The relay stores no responses. Leave it out, and send the earlier items in 'input'.";

    private static readonly UnsupportedParameter[] Unsupported =
    [
        new("previous_response_id", Never, IsHarmless: false) { Instead = NothingStored },
        new("conversation", Never, IsHarmless: false) { Instead = NothingStored },
        new("background", False, IsHarmless: false)
        {
            Instead = "The answer comes with the request. Leave it out, and set 'stream' for an answer that takes long.",
        },
        new("prompt", Never, IsHarmless: false)
        {
            Instead = "The relay knows no stored prompts. Send the words in 'instructions' and 'input'.",
        },
        new("top_logprobs", Number(0), IsHarmless: false),
        new("image", Never, IsHarmless: false),
        new("moderation", Never, IsHarmless: false),
        new("store", False, IsHarmless: true),
        new("truncation", Text("disabled"), IsHarmless: true),
        new("service_tier", Text("auto", "default"), IsHarmless: true),
        new("max_tool_calls", Never, IsHarmless: true),
        new("context_management", Never, IsHarmless: true),
    ];

    public static Result<ResponseRequest> Parse(JsonElement root, IModelNames models, ItemSeal seal)
    {
        var fields = new FieldReader();
        var body = new LenientBody(root, fields, ContractFields.Of<ResponseCreateRequest>());
        body.Sort(Unsupported);
        var tools = new ToolReader(fields, body.Ignore).ReadResponses(body);
        ReadInclude(body, fields);
        var model = fields.ReadModel(body, models);
        var instructions = body.Text("instructions");
        var (conversation, system) = fields.Error is null
            ? fields.Take(ResponseInput.Read(body.FindList("input"), instructions, seal))
            : default;
        var (schema, format) = ReadFormat(body, fields);
        var (effort, reasoning) = ReadReasoning(body, fields);
        var maxTokens = body.WholeNumber("max_output_tokens") is { } tokens
            ? fields.Take(CompletionRequest.ReadMaxOutputTokens("max_output_tokens", tokens))
            : (int?)null;
        var parameters = ParameterFields.ReadOpenAi(body, fields);
        var isStream = body.Flag("stream");
        // None of its fields changes the answer.
        body.Find("stream_options");
        var metadata = ReadMetadata(body, fields);
        var user = body.Text("user");
        if (fields.Error is { } error)
        {
            return error;
        }

        var request = new CompletionRequest(conversation!, system, model)
        {
            Schema = schema,
            Effort = effort,
            MaxOutputTokens = maxTokens,
            Parameters = parameters,
            Tools = tools,
            WantsThoughts = reasoning.Summary is not null,
        };
        var echo = new ResponseEcho
        {
            Instructions = instructions,
            MaxOutputTokens = body.WholeNumber("max_output_tokens"),
            Metadata = metadata,
            ParallelToolCalls = tools?.AllowsParallel ?? true,
            Reasoning = reasoning,
            Temperature = body.Number("temperature"),
            Text = new ResponseFormat(format),
            ToolChoice = body.Find("tool_choice") is { } choice ? choice.Clone() : ResponseEcho.AutoChoice,
            Tools = body.Find("tools") is { } declared ? declared.Clone() : ResponseEcho.NoTools,
            TopP = body.Number("top_p"),
            User = user,
        };
        // As at OpenAI, a caller does not refer to an answer that is not to be stored.
        var mayRefer = !(body.Find("store") is { } store && False(store));
        return new ResponseRequest(new ParsedBody(request, isStream, body.FindIgnored()), echo, mayRefer);
    }

    /// <summary>Reads the parts of an answer that OpenAI leaves out unless they are asked for. The relay has none of them.</summary>
    private static void ReadInclude(LenientBody body, FieldReader fields)
    {
        if (body.Find("include") is not { } include)
        {
            return;
        }

        if (include.ValueKind != JsonValueKind.Array || include.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            fields.Refuse("include", "'include' takes a list of names.");
        }
        else if (include.EnumerateArray().Any(item => Text("message.output_text.logprobs")(item)))
        {
            fields.Refuse("include", "'include' asks for logprobs, which can't be honoured by this relay. Leave them out.");
        }
        else
        {
            body.Ignore("include");
        }
    }

    private static (OutputSchema? Schema, JsonElement Format) ReadFormat(LenientBody body, FieldReader fields)
    {
        if (body.Find("text") is not { } text)
        {
            return (null, ResponseFormat.Plain);
        }

        if (text.ValueKind != JsonValueKind.Object)
        {
            return fields.Refuse<(OutputSchema?, JsonElement)>("text", "'text' is not an object.", default);
        }

        if (text.TryGetProperty("verbosity", out var verbosity) && verbosity.ValueKind != JsonValueKind.Null && !Text("medium")(verbosity))
        {
            body.Ignore("text.verbosity");
        }

        const string Field = "text.format";
        if (!text.TryGetProperty("format", out var format) || format.ValueKind == JsonValueKind.Null)
        {
            return (null, ResponseFormat.Plain);
        }

        if (format.ValueKind == JsonValueKind.Object)
        {
            switch (fields.Text(format, "type", Field))
            {
                case "text":
                    return (null, ResponseFormat.Plain);
                case "json_object":
                    return (OutputSchema.AnyObject, format.Clone());
                case "json_schema" when format.TryGetProperty("schema", out var schema):
                    return (fields.Take(OutputSchema.Create($"{Field}.schema", schema)), format.Clone());
            }
        }

        return fields.Refuse<(OutputSchema?, JsonElement)>(
            Field,
            $"'{Field}' takes {{\"type\":\"text\"}}, {{\"type\":\"json_object\"}} or "
                + $"{{\"type\":\"json_schema\",\"name\":\"…\",\"schema\":{{…}}}}.",
            default
        );
    }

    private static (Effort? Effort, ResponseReasoning Echo) ReadReasoning(LenientBody body, FieldReader fields)
    {
        const string Field = "reasoning";
        if (body.Find(Field) is not { } reasoning)
        {
            return (null, ResponseReasoning.None);
        }

        if (reasoning.ValueKind != JsonValueKind.Object)
        {
            return (fields.Refuse<Effort?>(Field, $"'{Field}' is not an object.", null), ResponseReasoning.None);
        }

        var name = fields.Text(reasoning, "effort", Field);
        var summary = fields.Text(reasoning, "summary", Field) ?? fields.Text(reasoning, "generate_summary", Field);
        var effort = name is null ? (Effort?)null : fields.Take(EffortNames.ParseOrLeast($"{Field}.effort", name));
        return (effort, new ResponseReasoning(name, summary));
    }

    private static JsonElement ReadMetadata(LenientBody body, FieldReader fields)
    {
        if (body.Find("metadata") is not { } metadata)
        {
            return ResponseEcho.NoMetadata;
        }

        return metadata.ValueKind == JsonValueKind.Object
            ? metadata.Clone()
            : fields.Refuse("metadata", "'metadata' takes an object of texts.", ResponseEcho.NoMetadata);
    }
}
