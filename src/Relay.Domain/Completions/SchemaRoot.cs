using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Domain.Completions;

/// <summary>
/// Makes any schema one of an object: Claude Code takes the answer from the input of a tool, and the API wants <c>"type":"object"</c>
/// there, without a choice at the top. Client libraries send the schema of a list or a value as it is, because other APIs accept it.
/// </summary>
internal static class SchemaRoot
{
    /// <summary>The property that holds the answer.</summary>
    public const string Property = "value";

    private static readonly string[] Definitions = ["definitions", "$defs"];

    /// <summary>Keywords that a tool's input must not have at the top of its schema.</summary>
    private static readonly string[] NoTool = ["$ref", "anyOf", "oneOf", "allOf", "not", "if", "enum", "const"];

    /// <summary>The schema, and whether it was put into an object.</summary>
    /// <param name="schema">Already translated; changed.</param>
    public static (JsonObject Schema, bool IsWrapped) ToObject(JsonObject schema)
    {
        var type = schema["type"];
        if (
            NoTool.Any(schema.ContainsKey)
            || (type is not null && (type.GetValueKind() != JsonValueKind.String || type.GetValue<string>() != "object"))
        )
        {
            return (Wrap(schema), true);
        }

        if (type is null)
        {
            schema["type"] = "object";
        }

        return (schema, false);
    }

    private static JsonObject Wrap(JsonObject schema)
    {
        schema.Remove("$id");
        Redirect(schema);
        var root = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { [Property] = schema },
            ["required"] = new JsonArray(Property),
            ["additionalProperties"] = false,
        };
        foreach (var name in Definitions.Where(schema.ContainsKey))
        {
            root[name] = schema[name]!.DeepClone();
            schema.Remove(name);
        }

        return root;
    }

    /// <summary>Points references at the place that the schema has now. Definitions move to the new root.</summary>
    private static void Redirect(JsonNode? schema)
    {
        if (schema is not JsonObject members)
        {
            return;
        }

        foreach (var (name, value) in members.ToList())
        {
            switch (name, value)
            {
                case ("$ref", JsonValue reference) when reference.GetValueKind() == JsonValueKind.String:
                    members[name] = Redirect(reference.GetValue<string>());
                    break;
                case ("properties" or "patternProperties" or "dependencies" or "definitions" or "$defs", JsonObject named):
                    foreach (var property in named.ToList())
                    {
                        Redirect(property.Value);
                    }

                    break;
                case ("enum" or "const" or "default", _):
                    break;
                case (_, JsonArray schemas):
                    foreach (var item in schemas)
                    {
                        Redirect(item);
                    }

                    break;
                default:
                    Redirect(value);
                    break;
            }
        }
    }

    private static string Redirect(string reference) =>
        reference == "#"
        || (
            reference.StartsWith("#/", StringComparison.Ordinal)
            && !Definitions.Any(name => reference.StartsWith($"#/{name}/", StringComparison.Ordinal))
        )
            ? $"#/properties/{Property}{reference[1..]}"
            : reference;
}
