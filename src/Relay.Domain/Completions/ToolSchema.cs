using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Relay.Domain.Completions;

/// <summary>
/// Looks whether JSON can be the schema of a tool's input. It checks the form of the JSON Schema keywords that the model is told, so that
/// the error for a mistake names the tool. The API checks the rest.
/// </summary>
internal static class ToolSchema
{
    /// <summary>Deepest nesting, of objects and lists.</summary>
    public const int MaxDepth = 40;

    /// <summary>A schema that every input fits.</summary>
    public const string AnyInput = """{"type":"object","properties":{}}""";

    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    private static readonly string[] Types = ["string", "number", "integer", "boolean", "object", "array", "null"];

    private static readonly string[] SchemaKeywords =
    [
        "additionalItems",
        "contains",
        "else",
        "if",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "additionalProperties",
    ];

    private static readonly string[] ListKeywords = ["allOf", "anyOf", "oneOf", "prefixItems"];

    private static readonly string[] MapKeywords = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

    /// <summary>The reason why JSON is not the schema of an input, in words that follow "The schema"; null when it may be one.</summary>
    public static string? FindProblem(JsonElement schema)
    {
        try
        {
            return schema.ValueKind != JsonValueKind.Object
                    ? "is not an object. Send a JSON schema such as {\"type\":\"object\",\"properties\":{…}}."
                : !HasRightValues(schema, MaxDepth)
                    ? $"nests deeper than {MaxDepth} levels, or has a number that no double can hold. Make it simpler."
                : schema.TryGetProperty("type", out var type) && !(type.ValueKind == JsonValueKind.String && type.ValueEquals("object"))
                    ? "has another type than \"object\". The input of a tool is an object."
                : FindWrong(schema, string.Empty);
        }
        catch (InvalidOperationException)
        {
            return "holds a text that is not Unicode: half of a surrogate pair.";
        }
    }

    /// <summary>The schema as JSON, with the type that every input has.</summary>
    /// <param name="schema">A schema without a problem.</param>
    public static string Complete(JsonElement schema)
    {
        if (schema.TryGetProperty("type", out _))
        {
            return Write(schema);
        }

        var complete = JsonObject.Create(schema)!;
        complete.Insert(0, "type", "object");
        return complete.ToJsonString(AsWritten);
    }

    /// <summary>JSON in one line, without blanks between its parts.</summary>
    public static string Write(JsonElement value) => JsonSerializer.Serialize(value, AsWritten);

    /// <summary>Whether JSON nests at most so many levels deep, and holds only numbers and texts that can be sent on.</summary>
    public static bool HasRightValues(JsonElement value, int levels) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => levels > 0
                && value.EnumerateObject().All(member => member.Name is not null && HasRightValues(member.Value, levels - 1)),
            JsonValueKind.Array => levels > 0 && value.EnumerateArray().All(item => HasRightValues(item, levels - 1)),
            JsonValueKind.Number => value.TryGetDouble(out var number) && double.IsFinite(number),
            JsonValueKind.String => value.GetString() is not null,
            _ => true,
        };

    /// <summary>The first keyword with a value of a wrong form; null for none.</summary>
    private static string? FindWrong(JsonElement schema, string path)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return null;
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            return Wrong(path, "a schema: an object, true or false");
        }

        foreach (var keyword in schema.EnumerateObject())
        {
            var (name, value, at) = (keyword.Name, keyword.Value, path.Length == 0 ? keyword.Name : $"{path}.{keyword.Name}");
            var problem = name switch
            {
                "type" => IsType(value) || (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(IsType))
                    ? null
                    : Wrong(at, $"one of {string.Join(", ", Types)}, or a list of them"),
                "required" => IsListOf(value, JsonValueKind.String) ? null : Wrong(at, "a list of names"),
                "enum" => value.ValueKind == JsonValueKind.Array ? null : Wrong(at, "a list of values"),
                "description" or "title" or "$ref" or "pattern" or "format" => value.ValueKind == JsonValueKind.String
                    ? null
                    : Wrong(at, "a text"),
                "items" when value.ValueKind == JsonValueKind.Array => FindWrongInList(value, at),
                "items" => FindWrong(value, at),
                _ when SchemaKeywords.Contains(name, StringComparer.Ordinal) => FindWrong(value, at),
                _ when ListKeywords.Contains(name, StringComparer.Ordinal) => FindWrongInList(value, at),
                _ when MapKeywords.Contains(name, StringComparer.Ordinal) => FindWrongInMap(value, at),
                _ => null,
            };
            if (problem is not null)
            {
                return problem;
            }
        }

        return null;
    }

    private static string? FindWrongInList(JsonElement list, string path) =>
        list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray()
                .Select((item, index) => FindWrong(item, $"{path}[{index}]"))
                .FirstOrDefault(problem => problem is not null)
            : Wrong(path, "a list of schemas");

    private static string? FindWrongInMap(JsonElement map, string path) =>
        map.ValueKind == JsonValueKind.Object
            ? map.EnumerateObject()
                .Select(member => FindWrong(member.Value, $"{path}.{member.Name}"))
                .FirstOrDefault(problem => problem is not null)
            : Wrong(path, "an object of schemas");

    private static string Wrong(string path, string wanted) => $"is not a JSON schema: '{Shorten(path)}' takes {wanted}.";

    private static string Shorten(string path) => path.Length <= 120 ? path : $"{path[..120]}…";

    private static bool IsType(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && Types.Contains(value.GetString(), StringComparer.Ordinal);

    private static bool IsListOf(JsonElement list, JsonValueKind kind) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind == kind);
}
