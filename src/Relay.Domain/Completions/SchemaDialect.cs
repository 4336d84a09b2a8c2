using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Domain.Completions;

/// <summary>
/// Writes a JSON schema of any dialect as Claude Code's validator takes it: draft-07, strict, and without a keyword that it does not
/// know. Keywords that only describe are left out; those that constrain are translated, or refused by name.
/// </summary>
internal static class SchemaDialect
{
    /// <summary>Keywords of draft-07 that constrain or refer, and hold no schema inside.</summary>
    private static readonly HashSet<string> Plain = new(StringComparer.Ordinal)
    {
        "type",
        "enum",
        "const",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxProperties",
        "minProperties",
        "required",
        "$ref",
        "$id",
        // These describe, and help the model.
        "title",
        "description",
        "default",
        "format",
    };

    /// <summary>Keywords that hold one schema.</summary>
    private static readonly HashSet<string> One = new(StringComparer.Ordinal)
    {
        "additionalItems",
        "additionalProperties",
        "propertyNames",
        "contains",
        "not",
        "if",
        "then",
        "else",
    };

    /// <summary>Keywords that hold a list of schemas.</summary>
    private static readonly HashSet<string> List = new(StringComparer.Ordinal) { "allOf", "anyOf", "oneOf" };

    /// <summary>Keywords that hold schemas by name.</summary>
    private static readonly HashSet<string> Named = new(StringComparer.Ordinal)
    {
        "properties",
        "patternProperties",
        "definitions",
        "$defs",
    };

    /// <summary>Keywords of later dialects with a constraint that draft-07 can't express.</summary>
    private static readonly HashSet<string> Refused = new(StringComparer.Ordinal)
    {
        "$dynamicRef",
        "$recursiveRef",
        "minContains",
        "maxContains",
    };

    /// <summary>The schema in Claude Code's dialect; or the keyword that has no counterpart there.</summary>
    public static JsonObject Translate(JsonElement schema, out string? refused)
    {
        refused = null;
        return Object(schema, ref refused);
    }

    private static JsonNode? Schema(JsonElement schema, ref string? refused) =>
        schema.ValueKind == JsonValueKind.Object ? Object(schema, ref refused) : Copy(schema);

    private static JsonObject Object(JsonElement schema, ref string? refused)
    {
        var written = new JsonObject();
        foreach (var property in schema.EnumerateObject())
        {
            Keyword(written, schema, property.Name, property.Value, ref refused);
        }

        return schema.TryGetProperty("nullable", out var nullable) && nullable.ValueKind == JsonValueKind.True
            ? Nullable(written)
            : written;
    }

    private static void Keyword(JsonObject written, JsonElement schema, string name, JsonElement value, ref string? refused)
    {
        if (name is "exclusiveMinimum" or "exclusiveMaximum" && value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            // In draft-04 the keyword is a boolean that makes the bound beside it exclusive.
            if (
                value.ValueKind == JsonValueKind.True
                && schema.TryGetProperty(name == "exclusiveMinimum" ? "minimum" : "maximum", out var bound)
            )
            {
                written[name] = Copy(bound);
            }
        }
        else if (Plain.Contains(name))
        {
            written[name] = Copy(value);
        }
        else if (One.Contains(name))
        {
            written[name] = Schema(value, ref refused);
        }
        else if (List.Contains(name) && value.ValueKind == JsonValueKind.Array)
        {
            written[name] = Schemas(value, ref refused);
        }
        else if (Named.Contains(name) && value.ValueKind == JsonValueKind.Object)
        {
            written[name] = NamedSchemas(value, ref refused);
        }
        else if (List.Contains(name) || Named.Contains(name))
        {
            written[name] = Copy(value); // Copied with its wrong form, so that the validator reports it.
        }
        else if (Refused.Contains(name))
        {
            refused ??= name;
        }
        else
        {
            Later(written, schema, name, value, ref refused);
        }
    }

    /// <summary>Translates keywords of later dialects. A keyword of no dialect only describes, and is left out.</summary>
    private static void Later(JsonObject written, JsonElement schema, string name, JsonElement value, ref string? refused)
    {
        switch (name)
        {
            case "$anchor" when value.ValueKind == JsonValueKind.String && !schema.TryGetProperty("$id", out _):
                written["$id"] = $"#{value.GetString()}";
                break;
            case "prefixItems" when value.ValueKind == JsonValueKind.Array:
                written["items"] = Schemas(value, ref refused);
                break;
            case "items" when schema.TryGetProperty("prefixItems", out _):
                written["additionalItems"] = Schema(value, ref refused);
                break;
            case "items":
                written["items"] = value.ValueKind == JsonValueKind.Array ? Schemas(value, ref refused) : Schema(value, ref refused);
                break;
            case "dependentRequired" when value.ValueKind == JsonValueKind.Object:
                Merge(written, (JsonObject)Copy(value)!);
                break;
            case "dependentSchemas" or "dependencies" when value.ValueKind == JsonValueKind.Object:
                Merge(written, NamedSchemas(value, ref refused));
                break;
            case "prefixItems":
                written["items"] = Copy(value); // Copied with its wrong form, so that the validator reports it.
                break;
            case "dependencies" or "dependentRequired" or "dependentSchemas":
                written["dependencies"] = Copy(value);
                break;
            case "unevaluatedProperties" or "unevaluatedItems" when value.ValueKind != JsonValueKind.True:
                // Alone it means the same as the older keyword. Beside others it looks into them, which draft-07 can't express.
                var older = name == "unevaluatedProperties" ? "additionalProperties" : "additionalItems";
                if (
                    schema
                        .EnumerateObject()
                        .Any(other =>
                            other.Name is "allOf" or "anyOf" or "oneOf" or "not" or "if" or "$ref" or "dependentSchemas" or "contains"
                        ) || schema.TryGetProperty(older, out _)
                )
                {
                    refused ??= name;
                }
                else
                {
                    written[older] = Schema(value, ref refused);
                }

                break;
        }
    }

    private static void Merge(JsonObject written, JsonObject more)
    {
        if (written["dependencies"] is not JsonObject known)
        {
            written["dependencies"] = more;
            return;
        }

        foreach (var (name, value) in more.ToList())
        {
            more.Remove(name);
            known[name] = value;
        }
    }

    private static JsonArray Schemas(JsonElement list, ref string? refused)
    {
        var written = new JsonArray();
        foreach (var item in list.EnumerateArray())
        {
            written.Add(Schema(item, ref refused));
        }

        return written;
    }

    /// <summary>Translates schemas by name. A name may be any text, so it is not read as a keyword.</summary>
    private static JsonObject NamedSchemas(JsonElement named, ref string? refused)
    {
        var written = new JsonObject();
        foreach (var property in named.EnumerateObject())
        {
            written[property.Name] = Schema(property.Value, ref refused);
        }

        return written;
    }

    /// <summary>Translates OpenAPI's <c>nullable</c>: the schema, or null.</summary>
    private static JsonObject Nullable(JsonObject schema)
    {
        if (schema.Count == 0)
        {
            return schema;
        }

        return new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
    }

    private static JsonNode? Copy(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => JsonObject.Create(value.Clone()),
            JsonValueKind.Array => JsonArray.Create(value.Clone()),
            JsonValueKind.Null or JsonValueKind.Undefined => null,
            _ => JsonValue.Create(value.Clone()),
        };
}
