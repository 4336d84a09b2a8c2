using System.Buffers;
using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>
/// Reads declarations of tools in the forms that callers send. A tool that would run at the API's provider is refused, because the
/// relay runs no tool. Fields without effect are named in <c>X-Relay-Ignored</c>; on the relay's own route an unknown field is an error.
/// </summary>
internal sealed class ToolReader(FieldReader fields, Action<string>? ignore)
{
    private const string Tools = "tools";
    private const string Choice = "tool_choice";
    private const string Functions = "functions";
    private const string FunctionCall = "function_call";
    private const int MaxEchoedName = 64;

    private static readonly SearchValues<char> NameLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-");

    /// <summary>
    /// Anthropic's form: <c>[{"name":"…","description":"…","input_schema":{…}}]</c> with a choice such as
    /// <c>{"type":"any","disable_parallel_tool_use":true}</c>. Null for none, and when something is wrong.
    /// </summary>
    public ToolSet? ReadAnthropic(JsonElement? tools, JsonElement? choice)
    {
        var declarations = ReadList(tools, Tools, ReadAnthropicTool);
        var (read, allowsParallel) = choice is { } given ? ReadAnthropicChoice(given) : (ToolChoice.Auto, true);
        return ToToolSet(Tools, declarations, Choice, read, allowsParallel);
    }

    /// <summary>
    /// OpenAI's form: <c>[{"type":"function","function":{"name":"…","parameters":{…}}}]</c> with a choice such as <c>"required"</c>, or its
    /// older form with <c>functions</c>, in which calls are then answered, too. Null for none, and when something is wrong.
    /// </summary>
    public ToolSet? ReadOpenAi(LenientBody body, out bool hasFunctions)
    {
        var (tools, functions) = (body.Find(Tools), body.Find(Functions));
        var (choice, call) = (body.Find(Choice), body.Find(FunctionCall));
        var allowsParallel = body.Find("parallel_tool_calls") is null || body.Flag("parallel_tool_calls");
        hasFunctions = functions is not null;
        if (tools is not null && functions is not null)
        {
            fields.Refuse(Functions, "'functions' is the older form of 'tools'. Send one of them.");
            return null;
        }

        return hasFunctions
            ? ToToolSet(
                Functions,
                ReadList(functions, Functions, ReadFunction),
                FunctionCall,
                call is { } which ? ReadFunctionCall(which) : ToolChoice.Auto,
                allowsParallel: false
            )
            : ToToolSet(
                Tools,
                ReadList(tools, Tools, ReadOpenAiTool),
                Choice,
                (choice, call) switch
                {
                    ({ } given, _) => ReadOpenAiChoice(given),
                    (_, { } given) => ReadFunctionCall(given),
                    _ => ToolChoice.Auto,
                },
                allowsParallel
            );
    }

    /// <summary>
    /// The form of OpenAI's Responses API: <c>[{"type":"function","name":"…","parameters":{…}}]</c> with a choice such as
    /// <c>{"type":"function","name":"…"}</c>. Null for none, and when something is wrong.
    /// </summary>
    public ToolSet? ReadResponses(LenientBody body)
    {
        var allowsParallel = body.Find("parallel_tool_calls") is null || body.Flag("parallel_tool_calls");
        return ToToolSet(
            Tools,
            ReadList(body.Find(Tools), Tools, ReadResponsesTool),
            Choice,
            body.Find(Choice) is { } choice ? ReadResponsesChoice(choice) : ToolChoice.Auto,
            allowsParallel
        );
    }

    private ToolSet? ToToolSet(string field, List<ToolDeclaration> tools, string choiceField, ToolChoice choice, bool allowsParallel)
    {
        if (fields.Error is not null)
        {
            return null;
        }

        if (tools.Count > 0)
        {
            return fields.Take(ToolSet.Create(field, tools, choiceField, choice, allowsParallel));
        }

        if (choice.IsForced)
        {
            fields.Refuse(
                choiceField,
                $"'{choiceField}' asks for a call, and the request declares no tool. Send '{field}', or leave '{choiceField}' out."
            );
        }

        return null;
    }

    private List<ToolDeclaration> ReadList(JsonElement? list, string field, Func<JsonElement, string, ToolDeclaration?> read)
    {
        var tools = new List<ToolDeclaration>();
        if (list is not { } given)
        {
            return tools;
        }

        if (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() > ToolSet.MaxTools)
        {
            fields.Refuse(field, $"'{field}' is not a list of at most {ToolSet.MaxTools} tools. Send such a list, or leave it out.");
            return tools;
        }

        foreach (var item in given.EnumerateArray())
        {
            var at = $"{field}[{tools.Count}]";
            if (item.ValueKind != JsonValueKind.Object)
            {
                fields.Refuse(at, $"'{at}' is not an object.");
            }

            if (fields.Error is not null || read(item, at) is not { } tool)
            {
                return tools;
            }

            tools.Add(tool);
        }

        return tools;
    }

    private ToolDeclaration? ReadAnthropicTool(JsonElement tool, string field)
    {
        if (fields.Text(tool, "type", field) is { } type && type != "custom")
        {
            return Refuse(field, type);
        }

        return TakesFields(tool, field, "type", "name", "description", "input_schema", "strict", "cache_control")
            ? Declare(tool, field, "input_schema")
            : null;
    }

    private ToolDeclaration? ReadOpenAiTool(JsonElement tool, string field)
    {
        if (fields.Text(tool, "type", field) is not "function" and var type)
        {
            return Refuse(field, type);
        }

        var at = $"{field}.function";
        if (tool.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object)
        {
            return ReadFunction(function, at);
        }

        fields.Refuse(at, $"'{at}' is missing, or not an object: {{\"name\":\"…\",\"description\":\"…\",\"parameters\":{{…}}}}.");
        return null;
    }

    private ToolDeclaration? ReadResponsesTool(JsonElement tool, string field)
    {
        if (fields.Text(tool, "type", field) is not "function" and var type)
        {
            return Refuse(field, type);
        }

        return TakesFields(tool, field, "type", "name", "description", "parameters", "strict") ? Declare(tool, field, "parameters") : null;
    }

    private ToolDeclaration? ReadFunction(JsonElement function, string field) =>
        TakesFields(function, field, "name", "description", "parameters", "strict") ? Declare(function, field, "parameters") : null;

    private ToolDeclaration? Declare(JsonElement tool, string field, string schemaName)
    {
        var schema = tool.TryGetProperty(schemaName, out var given) && given.ValueKind != JsonValueKind.Null ? given : (JsonElement?)null;
        var isStrict =
            tool.TryGetProperty("strict", out var strict) && strict.ValueKind != JsonValueKind.Null
                ? strict.ValueKind is JsonValueKind.True or JsonValueKind.False
                    ? strict.GetBoolean()
                    : fields.Refuse<bool?>($"{field}.strict", $"'{field}.strict' is not true or false.", null)
                : null;
        return fields.Take(
            ToolDeclaration.Create(field, fields.Text(tool, "name", field), fields.Text(tool, "description", field), schema, isStrict)
        );
    }

    private ToolDeclaration? Refuse(string field, string? type)
    {
        var kind =
            type is null ? "no type"
            : type.Length is > 0 and <= MaxEchoedName && !type.AsSpan().ContainsAnyExcept(NameLetters) ? $"the type '{type}'"
            : "a type that the relay does not know";
        fields.Refuse(
            field,
            $"'{field}' has {kind}. The relay passes on tools that your app runs, and runs no tool itself. "
                + "Declare a function with a name and a schema."
        );
        return null;
    }

    /// <summary>Whether a declaration has no other fields than these. Other fields are named where they may be ignored.</summary>
    private bool TakesFields(JsonElement tool, string field, params ReadOnlySpan<string> known)
    {
        if (ignore is null)
        {
            return fields.IsObject(tool, field, known);
        }

        foreach (var property in tool.EnumerateObject())
        {
            if (
                property.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False)
                && JsonText.ReadName(property) is var name
                && (name is null || !known.Contains(name))
            )
            {
                ignore(
                    name is { Length: > 0 and <= MaxEchoedName } && !name.AsSpan().ContainsAnyExcept(NameLetters)
                        ? $"tools.{name}"
                        : "tools.(other)"
                );
            }
        }

        return true;
    }

    private const string AnthropicChoices = """{"type":"auto"}, {"type":"any"}, {"type":"none"} or {"type":"tool","name":"…"}""";

    private (ToolChoice Choice, bool AllowsParallel) ReadAnthropicChoice(JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object)
        {
            return (RefuseChoice(Choice, AnthropicChoices), true);
        }

        var allowsParallel = !(
            choice.TryGetProperty("disable_parallel_tool_use", out var disable) && disable.ValueKind == JsonValueKind.True
        );
        var read = fields.Text(choice, "type", Choice) switch
        {
            "auto" => ToolChoice.Auto,
            "any" => ToolChoice.Any,
            "none" => ToolChoice.None,
            "tool" when fields.Text(choice, "name", Choice) is { } name => ToolChoice.Only(name),
            _ => RefuseChoice(Choice, AnthropicChoices),
        };
        return (read, allowsParallel);
    }

    private ToolChoice ReadOpenAiChoice(JsonElement choice)
    {
        const string Forms = "\"auto\", \"none\", \"required\" or {\"type\":\"function\",\"function\":{\"name\":\"…\"}}";
        if (choice.ValueKind == JsonValueKind.Object)
        {
            return
                fields.Text(choice, "type", Choice) == "function"
                && choice.TryGetProperty("function", out var function)
                && function.ValueKind == JsonValueKind.Object
                && fields.Text(function, "name", $"{Choice}.function") is { } name
                ? ToolChoice.Only(name)
                : RefuseChoice(Choice, Forms);
        }

        return (choice.ValueKind == JsonValueKind.String ? fields.Text(choice, Choice) : null) switch
        {
            "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            // Some clients use Anthropic's word.
            "required" or "any" => ToolChoice.Any,
            _ => RefuseChoice(Choice, Forms),
        };
    }

    private ToolChoice ReadResponsesChoice(JsonElement choice)
    {
        const string Forms = "\"auto\", \"none\", \"required\" or {\"type\":\"function\",\"name\":\"…\"}";
        if (choice.ValueKind == JsonValueKind.Object)
        {
            return fields.Text(choice, "type", Choice) == "function" && fields.Text(choice, "name", Choice) is { } name
                ? ToolChoice.Only(name)
                : RefuseChoice(Choice, Forms);
        }

        return (choice.ValueKind == JsonValueKind.String ? fields.Text(choice, Choice) : null) switch
        {
            "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            "required" => ToolChoice.Any,
            _ => RefuseChoice(Choice, Forms),
        };
    }

    private ToolChoice ReadFunctionCall(JsonElement call)
    {
        if (call.ValueKind == JsonValueKind.Object && fields.Text(call, "name", FunctionCall) is { } name)
        {
            return ToolChoice.Only(name);
        }

        return (call.ValueKind == JsonValueKind.String ? fields.Text(call, FunctionCall) : null) switch
        {
            "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            _ => RefuseChoice(FunctionCall, "\"auto\", \"none\" or {\"name\":\"…\"}"),
        };
    }

    private ToolChoice RefuseChoice(string field, string forms)
    {
        fields.Refuse(field, $"'{field}' takes {forms}.");
        return ToolChoice.Auto;
    }
}
