using System.Text.Json.Nodes;

namespace Relay.EndToEndTests.Harness;

/// <summary>An answer with calls, from any surface.</summary>
/// <param name="Text">Its words.</param>
/// <param name="Calls">Its calls, in order.</param>
internal sealed record ToolAnswer(string Text, IReadOnlyList<(string Id, string Name, JsonObject Input)> Calls)
{
    /// <summary>Reads a whole answer.</summary>
    public static ToolAnswer Of(string path, JsonNode answer) =>
        path switch
        {
            "/v1/messages" => new(
                string.Concat(
                    answer["content"]!
                        .AsArray()
                        .Where(block => block!["type"]!.GetValue<string>() == "text")
                        .Select(block => block!["text"]!.GetValue<string>())
                ),
                [
                    .. answer["content"]!
                        .AsArray()
                        .Where(block => block!["type"]!.GetValue<string>() == "tool_use")
                        .Select(block => Call(block!)),
                ]
            ),
            "/v1/complete" => new(
                answer["text"]!.GetValue<string>(),
                [.. (answer["tool_calls"] as JsonArray ?? []).Select(call => Call(call!))]
            ),
            _ => new(
                answer["choices"]![0]!["message"]!["content"]?.GetValue<string>() ?? string.Empty,
                [
                    .. (answer["choices"]![0]!["message"]!["tool_calls"] as JsonArray ?? []).Select(call =>
                        Function(
                            call!["id"]!.GetValue<string>(),
                            call["function"]!["name"]!.GetValue<string>(),
                            call["function"]!["arguments"]!.GetValue<string>()
                        )
                    ),
                ]
            ),
        };

    /// <summary>Puts the events of a stream together, as an SDK does.</summary>
    public static ToolAnswer OfStream(string path, string events)
    {
        var text = string.Empty;
        var calls = new List<(string Id, string Name, string Input)>();
        foreach (
            var data in events
                .Split('\n')
                .Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
                .Select(line => JsonNode.Parse(line[6..])!)
        )
        {
            switch (path)
            {
                case "/v1/messages":
                    text += data["delta"]?["text"]?.GetValue<string>();
                    if (data["content_block"] is { } block && block["type"]!.GetValue<string>() == "tool_use")
                    {
                        calls.Add((block["id"]!.GetValue<string>(), block["name"]!.GetValue<string>(), string.Empty));
                    }

                    Append(calls, data["delta"]?["partial_json"]);
                    break;
                case "/v1/complete":
                    text += data["text"]?.GetValue<string>();
                    if (data["type"]?.GetValue<string>() == "tool_use")
                    {
                        calls.Add((data["id"]!.GetValue<string>(), data["name"]!.GetValue<string>(), data["input"]!.ToJsonString()));
                    }

                    break;
                default:
                    var delta = data["choices"] is JsonArray { Count: > 0 } choices ? choices[0]!["delta"] : null;
                    text += delta?["content"]?.GetValue<string>();
                    foreach (var call in delta?["tool_calls"] as JsonArray ?? [])
                    {
                        if (call!["id"] is { } id)
                        {
                            calls.Add((id.GetValue<string>(), call["function"]!["name"]!.GetValue<string>(), string.Empty));
                        }

                        Append(calls, call["function"]!["arguments"]);
                    }

                    break;
            }
        }

        return new ToolAnswer(text, [.. calls.Select(call => Function(call.Id, call.Name, call.Input))]);
    }

    private static void Append(List<(string Id, string Name, string Input)> calls, JsonNode? piece)
    {
        if (piece is not null)
        {
            calls[^1] = calls[^1] with { Input = calls[^1].Input + piece.GetValue<string>() };
        }
    }

    private static (string Id, string Name, JsonObject Input) Call(JsonNode block) =>
        (block["id"]!.GetValue<string>(), block["name"]!.GetValue<string>(), block["input"]!.DeepClone().AsObject());

    private static (string Id, string Name, JsonObject Input) Function(string id, string name, string arguments) =>
        (id, name, JsonNode.Parse(arguments)!.AsObject());
}

/// <summary>An app with two tools, on one of the surfaces. Knows what the API must get of its conversation.</summary>
internal sealed class ToolApp(string path, string question, string model = "opus")
{
    private const string WeatherSchema =
        """{"type":"object","properties":{"city":{"type":"string","description":"A city, such as \u00c9vry\u2028"},"days":{"type":"integer","minimum":1}},"required":["city"],"additionalProperties":false}""";

    private readonly JsonArray _messages = [new JsonObject { ["role"] = "user", ["content"] = question }];

    /// <summary>Its first words.</summary>
    public string Question { get; } = question;

    /// <summary>Whether it declares its tools.</summary>
    public bool HasTools { get; init; } = true;

    /// <summary>The calls of the last answer.</summary>
    public IReadOnlyList<(string Id, string Name, JsonObject Input)> Calls { get; private set; } = [];

    /// <summary>The messages that the API must get.</summary>
    public JsonArray Expected { get; } = [new JsonObject { ["role"] = "user", ["content"] = question }];

    /// <summary>The tools that the API must get.</summary>
    public JsonArray ExpectedTools { get; } =
    [
        new JsonObject
        {
            ["name"] = "weather",
            ["description"] = "Tells the weather.\nBe exact: \"°C\".",
            ["input_schema"] = JsonNode.Parse(WeatherSchema),
            ["strict"] = true,
        },
        new JsonObject { ["name"] = "get-time_2", ["input_schema"] = JsonNode.Parse("""{"type":"object","properties":{}}""") },
    ];

    private bool IsOpenAi => path == "/v1/chat/completions";

    /// <summary>Its next request.</summary>
    public JsonObject Body()
    {
        var body = new JsonObject
        {
            ["model"] = model,
            ["max_tokens"] = 4096,
            ["messages"] = _messages.DeepClone(),
        };
        if (HasTools)
        {
            body["tools"] = IsOpenAi
                ? new JsonArray(
                    Function(
                        new JsonObject
                        {
                            ["name"] = "weather",
                            ["description"] = "Tells the weather.\nBe exact: \"°C\".",
                            ["parameters"] = JsonNode.Parse(WeatherSchema),
                            ["strict"] = true,
                        }
                    ),
                    Function(new JsonObject { ["name"] = "get-time_2" })
                )
                : ExpectedTools.DeepClone();
        }

        return body;
    }

    /// <summary>Takes an answer into the conversation, as it came.</summary>
    public void TakeCalls(ToolAnswer answer)
    {
        Calls = answer.Calls;
        var blocks = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = answer.Text });
        if (answer.Text.Length == 0)
        {
            blocks.Clear();
        }

        foreach (var call in answer.Calls)
        {
            blocks.Add(
                new JsonObject
                {
                    ["type"] = "tool_use",
                    ["id"] = call.Id,
                    ["name"] = call.Name,
                    ["input"] = call.Input.DeepClone(),
                }
            );
        }

        Expected.Add(new JsonObject { ["role"] = "assistant", ["content"] = blocks });
        if (!IsOpenAi)
        {
            _messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = blocks.DeepClone() });
            return;
        }

        _messages.Add(
            new JsonObject
            {
                ["role"] = "assistant",
                ["content"] = answer.Text.Length == 0 ? null : answer.Text,
                ["tool_calls"] = new JsonArray([
                    .. answer.Calls.Select(call => new JsonObject
                    {
                        ["id"] = call.Id,
                        ["type"] = "function",
                        ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Input.ToJsonString() },
                    }),
                ]),
            }
        );
    }

    /// <summary>Runs the tools: results in another order than the calls.</summary>
    /// <param name="text">The result of all; null for an empty one.</param>
    public void AddResults(string? text)
    {
        var results = new JsonArray();
        foreach (var call in Calls.Reverse())
        {
            var result = new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = call.Id };
            if (text is not null)
            {
                result["content"] = text;
            }
            else if (!IsOpenAi)
            {
                result["is_error"] = true;
            }

            results.Add(result);
            if (IsOpenAi)
            {
                _messages.Add(
                    new JsonObject
                    {
                        ["role"] = "tool",
                        ["tool_call_id"] = call.Id,
                        ["content"] = text ?? string.Empty,
                    }
                );
            }
        }

        Expected.Add(new JsonObject { ["role"] = "user", ["content"] = results });
        if (!IsOpenAi)
        {
            _messages.Add(new JsonObject { ["role"] = "user", ["content"] = results.DeepClone() });
        }
    }

    private static JsonObject Function(JsonObject function) => new() { ["type"] = "function", ["function"] = function };
}
