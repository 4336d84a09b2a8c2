using System.Text.Json;

namespace Relay.AnthropicSimulator;

/// <summary>The parts of a Messages API request that the simulator and its callers look at.</summary>
internal sealed class RequestBody
{
    private RequestBody(string problem) => Problem = problem;

    private RequestBody(JsonElement json)
    {
        Json = json;
        Messages = [.. Items(json, "messages").Select(Message)];
        SystemTexts = [.. Property(json, "system") is { ValueKind: not JsonValueKind.Undefined } system ? Texts(system) : []];
        Problem = FindProblem();
    }

    public JsonElement Json { get; }

    /// <summary>Texts at which the answer ends.</summary>
    public IReadOnlyList<string> StopSequences => [.. Items(Json, "stop_sequences").Select(item => item.GetString()!)];

    /// <summary>Why the API would answer 400; null when it would not.</summary>
    public string? Problem { get; }

    public IReadOnlyList<RecordedMessage> Messages { get; } = [];

    public IReadOnlyList<string> SystemTexts { get; } = [];

    public string? Model => String(Json, "model");

    public bool Stream => Property(Json, "stream").ValueKind == JsonValueKind.True;

    public int? MaxTokens =>
        Property(Json, "max_tokens") is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var value) ? value : null;

    /// <summary>The last message from the user that the caller wrote: neither tool results nor a note of the CLI after an answer.</summary>
    public RecordedMessage? LastFromUser
    {
        get
        {
            for (var i = Messages.Count - 1; i >= 0; i--)
            {
                var message = Messages[i];
                var ofTheCli =
                    message.ToolResults.Count > 0 || (i > 0 && Messages[i - 1].Role == "assistant" && CliNotes.Contains(message.Text));
                if (message.Role == "user" && !ofTheCli)
                {
                    return message;
                }
            }

            return null;
        }
    }

    /// <summary>Whether the newest turn (a system note after it aside) brings tool results.</summary>
    public bool AnswersToolCalls => Messages.LastOrDefault(message => message.Role != "system") is { ToolResults.Count: > 0 };

    /// <summary>Messages that bring tool results.</summary>
    public int ResultMessages => Messages.Count(message => message.ToolResults.Count > 0);

    /// <summary>Whether the model may call no tool, although there are some.</summary>
    public bool ForbidsCalls => String(Property(Json, "tool_choice"), "type") == "none";

    /// <summary>Whether the model thinks.</summary>
    public bool Thinks => String(Property(Json, "thinking"), "type") is "enabled" or "adaptive";

    /// <summary>The schema of a tool called StructuredOutput, as the CLI asks for JSON.</summary>
    public JsonElement? StructuredOutputTool
    {
        get
        {
            var tool = Items(Json, "tools").FirstOrDefault(tool => String(tool, "name") == "StructuredOutput");
            return Property(tool, "input_schema") is { ValueKind: JsonValueKind.Object } schema ? schema : null;
        }
    }

    /// <summary>The schema of <c>output_config.format</c> or the older <c>output_format</c>, as the API itself offers JSON.</summary>
    public JsonElement? OutputSchema
    {
        get
        {
            var format = Property(Property(Json, "output_config"), "format");
            format = format.ValueKind == JsonValueKind.Object ? format : Property(Json, "output_format");
            return Property(format, "schema") is { ValueKind: JsonValueKind.Object } schema ? schema : null;
        }
    }

    /// <summary><c>metadata.user_id</c> is a string that holds JSON with the session in it.</summary>
    public string? SessionId
    {
        get
        {
            try
            {
                return String(Property(Json, "metadata"), "user_id") is { } user ? String(JsonElement.Parse(user), "session_id") : null;
            }
            catch (JsonException)
            {
                return null; // Any client may put any text there; then it names no session.
            }
        }
    }

    public static RequestBody Parse(byte[] body)
    {
        try
        {
            // Not disposed: the elements are handed out for as long as the record lives.
            return new RequestBody(JsonDocument.Parse(body).RootElement);
        }
        catch (JsonException e)
        {
            return new RequestBody("The request body is not valid JSON: " + e.Message);
        }
        catch (InvalidOperationException e)
        {
            // A string with half a surrogate pair; the real API refuses it in the same way.
            return new RequestBody("The request body is not valid JSON: " + e.Message);
        }
    }

    private static RecordedMessage Message(JsonElement message)
    {
        var results = Items(message, "content").Where(block => String(block, "type") == "tool_result");
        return new RecordedMessage(
            String(message, "role") ?? "",
            [.. Texts(Property(message, "content"))],
            [.. results.Select(result => string.Concat(Texts(Property(result, "content"))))]
        );
    }

    private static IEnumerable<string> Texts(JsonElement content) =>
        content.ValueKind switch
        {
            JsonValueKind.String => [content.GetString()!],
            JsonValueKind.Array => content
                .EnumerateArray()
                .Where(block => String(block, "type") == "text")
                .Select(block => String(block, "text") ?? ""),
            _ => [],
        };

    private static JsonElement.ArrayEnumerator Items(JsonElement owner, string name) =>
        Property(owner, name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : default;

    private static JsonElement Property(JsonElement owner, string name) =>
        owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(name, out var value) ? value : default;

    private static string? String(JsonElement owner, string name) =>
        Property(owner, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private string? FindProblem() =>
        Model is null ? "model: Field required"
        : Property(Json, "messages").ValueKind != JsonValueKind.Array ? "messages: Field required"
        : ApiRules.FindBroken(Json) ?? ToolRules.FindBroken(Json) ?? FormatRules.FindBroken(OutputSchema);
}
