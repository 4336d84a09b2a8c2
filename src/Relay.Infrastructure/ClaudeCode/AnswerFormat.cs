using System.Text.Json.Nodes;
using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// The schema of an answer as the API takes it in <c>output_config.format</c>: each object that lists its properties is closed
/// (<c>additionalProperties: false</c>), because the API takes no other. An answer that fits the closed schema fits the caller's, too.
/// An object without listed properties stays open, because closed it could only be empty. The API refuses it by name.
/// </summary>
internal static class AnswerFormat
{
    private static readonly string[] Lists = ["anyOf", "oneOf", "items"];
    private static readonly string[] Maps = ["properties", "definitions", "$defs"];

    /// <summary>The schema as JSON.</summary>
    public static string Close(OutputSchema schema)
    {
        var root = JsonNode.Parse(schema.Reveal())!;
        Close(root);
        return root.ToJsonString();
    }

    /// <summary>Not below <c>allOf</c>, whose parts would exclude each other's properties.</summary>
    private static void Close(JsonNode? node)
    {
        if (node is not JsonObject schema)
        {
            return;
        }

        if (schema["properties"] is JsonObject && !schema.ContainsKey("additionalProperties") && !schema.ContainsKey("allOf"))
        {
            schema["additionalProperties"] = false;
        }

        Close(schema["items"]);
        foreach (var part in Lists.SelectMany(name => schema[name] as JsonArray ?? []))
        {
            Close(part);
        }

        foreach (var (_, part) in Maps.SelectMany(name => schema[name] as JsonObject ?? []))
        {
            Close(part);
        }
    }
}
