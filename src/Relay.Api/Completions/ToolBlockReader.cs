using System.Text.Json;
using Relay.Domain.Completions;

namespace Relay.Api.Completions;

/// <summary>Reads calls of tools and their results in a conversation, in Anthropic's and in OpenAI's form.</summary>
internal sealed class ToolBlockReader(FieldReader fields)
{
    private string? _oldCall;

    /// <summary>Anthropic's form of a call: <c>{"type":"tool_use","id":"…","name":"…","input":{…}}</c>.</summary>
    public ToolCallBlock? ReadCall(JsonElement block, string field, bool isStrict)
    {
        if (isStrict && !fields.IsObject(block, field, "type", "id", "name", "input", "cache_control"))
        {
            return null;
        }

        var input = block.TryGetProperty("input", out var given) && given.ValueKind != JsonValueKind.Null ? given : (JsonElement?)null;
        return Call(field, fields.Text(block, "id", field), fields.Text(block, "name", field), input);
    }

    /// <summary>Anthropic's form of a result: <c>{"type":"tool_result","tool_use_id":"…","content":"…"}</c>.</summary>
    public ToolResultBlock? ReadResult(
        JsonElement block,
        string field,
        bool isStrict,
        Func<JsonElement, string, List<ContentBlock>> readContent
    )
    {
        if (isStrict && !fields.IsObject(block, field, "type", "tool_use_id", "content", "is_error", "cache_control"))
        {
            return null;
        }

        bool? isError = null;
        if (block.TryGetProperty("is_error", out var failed) && failed.ValueKind != JsonValueKind.Null)
        {
            isError = failed.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? failed.GetBoolean()
                : fields.Refuse<bool?>($"{field}.is_error", $"'{field}.is_error' is not true or false.", null);
        }

        return Result(block, "tool_use_id", field, isError, readContent);
    }

    /// <summary>OpenAI's form of the calls of a message: <c>tool_calls</c>, or the older <c>function_call</c>.</summary>
    public List<ContentBlock> ReadCalls(JsonElement message, string field)
    {
        var calls = new List<ContentBlock>();
        if (message.TryGetProperty("tool_calls", out var list) && list.ValueKind != JsonValueKind.Null)
        {
            if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > Conversation.MaxBlocksPerMessage)
            {
                fields.Refuse($"{field}.tool_calls", $"'{field}.tool_calls' is not a list of calls.");
                return calls;
            }

            foreach (var call in list.EnumerateArray())
            {
                AddFunction(call, $"{field}.tool_calls[{calls.Count}]", calls);
                if (fields.Error is not null)
                {
                    return calls;
                }
            }
        }

        if (message.TryGetProperty("function_call", out var old) && old.ValueKind != JsonValueKind.Null)
        {
            // The older form has no id, neither in the call nor in the message with its result.
            _oldCall = $"{field.Replace("[", "_", StringComparison.Ordinal).TrimEnd(']')}_call";
            AddCall(_oldCall, old, $"{field}.function_call", calls);
        }

        return calls;
    }

    /// <summary>OpenAI's form of a result: a message of the role <c>tool</c> or, in its older form, <c>function</c>.</summary>
    public ToolResultBlock? ReadResultMessage(
        JsonElement message,
        string field,
        bool hasFunctions,
        Func<JsonElement, string, List<ContentBlock>> readContent
    )
    {
        if (!hasFunctions)
        {
            return Result(message, "tool_call_id", field, isError: null, readContent);
        }

        if (_oldCall is not { } id)
        {
            fields.Refuse(field, $"'{field}' is the result of a function that the assistant's message before it does not call.");
            return null;
        }

        _oldCall = null;
        return new ToolResultBlock(id, Content(message, field, readContent));
    }

    /// <summary>The form of a call in OpenAI's Responses API: <c>{"call_id":"…","name":"…","arguments":"{…}"}</c>.</summary>
    public List<ContentBlock> ReadCallItem(JsonElement item, string field)
    {
        var calls = new List<ContentBlock>();
        AddCall(fields.Text(item, "call_id", field), item, field, calls);
        return calls;
    }

    /// <summary>The form of a result in OpenAI's Responses API: <c>{"call_id":"…","output":"…"}</c>.</summary>
    public ToolResultBlock? ReadResultItem(JsonElement item, string field, Func<JsonElement, string, List<ContentBlock>> readContent) =>
        Result(item, "call_id", field, isError: null, readContent, contentName: "output");

    private ToolResultBlock? Result(
        JsonElement holder,
        string idName,
        string field,
        bool? isError,
        Func<JsonElement, string, List<ContentBlock>> readContent,
        string contentName = "content"
    )
    {
        var id = fields.Text(holder, idName, field);
        if (!ToolCall.IsId(id))
        {
            fields.Refuse($"{field}.{idName}", $"'{field}.{idName}' is missing, or can't be the id of a call.");
            return null;
        }

        return new ToolResultBlock(id!, Content(holder, field, readContent, contentName), isError);
    }

    private static List<ContentBlock> Content(
        JsonElement holder,
        string field,
        Func<JsonElement, string, List<ContentBlock>> readContent,
        string name = "content"
    ) =>
        holder.TryGetProperty(name, out var content) && content.ValueKind != JsonValueKind.Null
            ? readContent(content, $"{field}.{name}")
            : [];

    private void AddFunction(JsonElement call, string field, List<ContentBlock> calls)
    {
        if (call.ValueKind != JsonValueKind.Object)
        {
            fields.Refuse(field, $"'{field}' is not an object.");
        }
        else if (fields.Text(call, "type", field) is { } type && type != "function")
        {
            fields.Refuse($"{field}.type", $"'{field}.type' takes \"function\".");
        }
        else if (!call.TryGetProperty("function", out var function))
        {
            fields.Refuse($"{field}.function", $"'{field}.function' is missing: {{\"name\":\"…\",\"arguments\":\"{{…}}\"}}.");
        }
        else
        {
            AddCall(fields.Text(call, "id", field), function, $"{field}.function", calls);
        }
    }

    private void AddCall(string? id, JsonElement function, string field, List<ContentBlock> calls)
    {
        if (function.ValueKind != JsonValueKind.Object)
        {
            fields.Refuse(field, $"'{field}' is not an object.");
            return;
        }

        var arguments = fields.Text(function, "arguments", field);
        var name = fields.Text(function, "name", field);
        if (
            fields.Error is null
            && Parse(arguments, $"{field}.arguments") is var input
            && fields.Error is null
            && Call(field, id, name, input) is { } call
        )
        {
            calls.Add(call);
        }
    }

    /// <summary>The arguments, which are JSON inside of a text; null for none.</summary>
    private JsonElement? Parse(string? arguments, string field)
    {
        if (string.IsNullOrWhiteSpace(arguments))
        {
            return null;
        }

        try
        {
            return JsonElement.Parse(arguments, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return fields.Refuse<JsonElement?>(field, $"'{field}' is not the text of a JSON object.", null);
        }
    }

    private ToolCallBlock? Call(string field, string? id, string? name, JsonElement? input) =>
        fields.Error is null && fields.Take(ToolCall.Create(field, id, name, input)) is { } call ? new ToolCallBlock(call) : null;
}
