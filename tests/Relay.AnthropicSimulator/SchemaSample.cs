using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.AnthropicSimulator;

/// <summary>
/// The smallest plain value that common JSON schemas accept: types, required properties, enums, constants; no references or patterns.
/// </summary>
internal static class SchemaSample
{
    public static JsonElement Of(JsonElement schema) => JsonSerializer.SerializeToElement(Value(schema));

    private static JsonNode? Value(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return "text"; // The schema `true`: anything will do.
        }

        if (schema.TryGetProperty("const", out var constant))
        {
            return JsonNode.Parse(constant.GetRawText());
        }

        if (schema.TryGetProperty("enum", out var choices) && choices.GetArrayLength() > 0)
        {
            return JsonNode.Parse(choices[0].GetRawText());
        }

        return TypeOf(schema) switch
        {
            "object" => Object(schema),
            "array" => Array(schema),
            "integer" or "number" => 1,
            "boolean" => true,
            "null" => null,
            _ => "text",
        };
    }

    private static string? TypeOf(JsonElement schema) =>
        !schema.TryGetProperty("type", out var type)
            ? schema.TryGetProperty("properties", out _)
                ? "object"
                : null
            : type.ValueKind == JsonValueKind.Array
                ? type[0].GetString()
                : type.GetString();

    private static JsonObject Object(JsonElement schema)
    {
        var sample = new JsonObject();
        if (schema.TryGetProperty("required", out var required))
        {
            schema.TryGetProperty("properties", out var properties);
            foreach (var name in required.EnumerateArray().Select(item => item.GetString()!))
            {
                sample[name] =
                    properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty(name, out var property)
                        ? Value(property)
                        : "text";
            }
        }

        return sample;
    }

    private static JsonArray Array(JsonElement schema)
    {
        var least = schema.TryGetProperty("minItems", out var minimum) ? minimum.GetInt32() : 0;
        schema.TryGetProperty("items", out var items);
        return [.. Enumerable.Range(0, least).Select(_ => Value(items))];
    }
}
