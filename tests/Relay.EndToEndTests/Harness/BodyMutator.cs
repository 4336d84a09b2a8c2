using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.EndToEndTests.Harness;

/// <summary>Makes bodies that nobody would write of those that clients send.</summary>
internal static class BodyMutator
{
    private static readonly string[] Strange =
    [
        "null",
        "true",
        "0",
        "-1",
        "1e400",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[{}]",
        "{\"type\":null}",
        "{\"a\":1,\"a\":2}",
        "\"data:image/png;base64,\"",
        "[\"\"]",
        "{\"role\":\"user\",\"content\":[]}",
        "\"user\"",
        "9007199254740993",
        "0.5",
        "\"system\"",
        "{\"type\":\"object\",\"$ref\":\"#\"}",
    ];

    /// <summary>One to three values replaced, removed or doubled, or bytes damaged.</summary>
    public static byte[] Mutate(string body, Random random)
    {
        if (random.Next(6) == 0)
        {
            var bytes = Encoding.UTF8.GetBytes(body);
            for (var count = random.Next(1, 4); count > 0; count--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
        }

        var text = body;
        for (var count = random.Next(0, 4); count > 0; count--)
        {
            if (text.Contains("\\ud800", StringComparison.Ordinal))
            {
                break; // The JSON reader and writer here can't.
            }

            JsonNode? root;
            var places = new List<JsonNode>();
            try
            {
                root = JsonNode.Parse(text);
                Collect(root, places);
            }
            catch (Exception exception) when (exception is JsonException or ArgumentException)
            {
                return Encoding.UTF8.GetBytes(text); // No JSON, or a name twice: it is strange enough already.
            }

            var place = places[random.Next(places.Count)];
            var mark = $"MARK{random.Next()}";
            switch (place.Parent)
            {
                case JsonObject parent when random.Next(5) == 0:
                    parent.Remove(place.GetPropertyName());
                    break;
                case JsonObject parent:
                    parent[place.GetPropertyName()] = mark;
                    break;
                case JsonArray parent when random.Next(5) == 0:
                    parent.Add(place.DeepClone());
                    break;
                case JsonArray parent:
                    parent[place.GetElementIndex()] = mark;
                    break;
                default:
                    root!.AsObject()["telepathy"] = mark;
                    break;
            }

            text = root!.ToJsonString().Replace($"\"{mark}\"", Strange[random.Next(Strange.Length)], StringComparison.Ordinal);
        }

        return Encoding.UTF8.GetBytes(text);
    }

    private static void Collect(JsonNode? node, List<JsonNode> places)
    {
        if (node is null)
        {
            return;
        }

        places.Add(node);
        foreach (
            var child in node is JsonObject map ? map.Select(pair => pair.Value)
            : node is JsonArray list ? list
            : []
        )
        {
            Collect(child, places);
        }
    }
}

/// <summary>Bodies with every field of tools, and a conversation that calls them.</summary>
internal static class ToolBodies
{
    public const string Anthropic = """
        {"model":"opus","max_tokens":4096,"tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},"strict":true},{"type":"custom","name":"g-2"}],
         "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"messages":[{"role":"user","content":"fuzz of tools"},{"role":"assistant","content":[{"type":"text","text":"I look."},
         {"type":"tool_use","id":"c1","name":"f","input":{"a":1,"b":[null,{"c":"x"}]}},{"type":"tool_use","id":"c2","name":"g-2","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c2","is_error":true},
         {"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"one"},{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lGODlhAQABAAAAACw="}}]},{"type":"text","text":"fuzz of tools"}]}]}
        """;

    public const string OpenAi = """
        {"model":"opus","tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true}},{"type":"function","function":{"name":"g-2"}}],
         "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"messages":[{"role":"user","content":"fuzz of tools"},{"role":"assistant","content":null,"tool_calls":[
         {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"g-2","arguments":""}}]},{"role":"tool","tool_call_id":"c2","content":""},
         {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"one"}]},{"role":"user","content":"fuzz of tools"}]}
        """;

    public const string Native = """
        {"model":"opus","tools":[{"name":"f","input_schema":{"properties":{"a":{"anyOf":[{"type":"integer"},{"enum":["x"]}]}}}}],"tool_choice":{"type":"tool","name":"f"},"messages":[{"role":"user","content":"fuzz of tools"},
         {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"a":"x"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"one"},{"type":"text","text":"fuzz of tools"}]}]}
        """;
}
