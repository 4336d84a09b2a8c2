using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Infrastructure.JsonSchemas;

/// <summary>
/// Makes of a schema one that judges shapes and values alone: every value that fits the schema fits the result, too. Regular expressions,
/// lengths of texts and remainders are left out. There .NET and the JavaScript of Claude Code's validator differ, and a paid answer must
/// not be lost over that. For the same reason callers' patterns can't occupy a processor here.
/// </summary>
internal static class ShapeSchema
{
    private static readonly HashSet<string> LeftOut = new(StringComparer.Ordinal)
    {
        "pattern",
        "patternProperties",
        "minLength",
        "maxLength",
        "multipleOf",
    };

    /// <summary>Keywords that only describe.</summary>
    private static readonly HashSet<string> Annotations = new(StringComparer.Ordinal) { "title", "description", "default", "format" };

    /// <summary>Keywords that an inexact schema loses: a reference through one of them would lead nowhere.</summary>
    private static readonly string[] Lost = ["oneOf", "not", "if", "then", "else", "patternProperties", "additionalProperties"];

    /// <summary>The schema for the shape, with <see cref="StepKeyword"/> first in each of its objects.</summary>
    public static JsonObject Of(JsonObject schema) => (JsonObject)Write(schema, isExact: !Mentions(schema))!;

    /// <summary>Whether it has a keyword that is left out: the negation of such a part can't be judged by its shape.</summary>
    private static bool Mentions(JsonNode? node) =>
        node switch
        {
            JsonObject members => members.Any(member => LeftOut.Contains(member.Key) || Mentions(member.Value)),
            JsonArray items => items.Any(Mentions),
            _ => false,
        };

    private static JsonNode? Write(JsonNode? schema, bool isExact)
    {
        if (schema is not JsonObject members)
        {
            return schema?.DeepClone();
        }

        var written = new JsonObject { [StepKeyword.KeywordName] = true };
        var further = new JsonArray();
        foreach (var (name, value) in members)
        {
            switch (name)
            {
                case var _ when LeftOut.Contains(name) || Annotations.Contains(name):
                case "additionalProperties" when members.ContainsKey("patternProperties"):
                case "not" or "if" or "then" or "else" when !isExact:
                case "$ref" when !isExact && LeadsThroughLost(value):
                    break;
                case "oneOf" when !isExact:
                    further.Add(new JsonObject { [StepKeyword.KeywordName] = true, ["anyOf"] = WriteAll(value, isExact) });
                    break;
                case "allOf" or "anyOf" or "oneOf" or "items" when value is JsonArray:
                    written[name] = WriteAll(value, isExact);
                    break;
                case "properties" or "definitions" or "$defs" or "dependencies" when value is JsonObject named:
                    written[name] = new JsonObject(
                        named.Select(property => KeyValuePair.Create(property.Key, Write(property.Value, isExact)))
                    );
                    break;
                case "items"
                or "additionalItems"
                or "additionalProperties"
                or "propertyNames"
                or "contains"
                or "not"
                or "if"
                or "then"
                or "else":
                    written[name] = Write(value, isExact);
                    break;
                default:
                    written[name] = value?.DeepClone();
                    break;
            }
        }

        if (further.Count > 0)
        {
            written["allOf"] = new JsonArray([.. (written["allOf"] as JsonArray ?? []).Concat(further).Select(part => part?.DeepClone())]);
        }

        return written;
    }

    private static bool LeadsThroughLost(JsonNode? reference) =>
        reference?.GetValueKind() == JsonValueKind.String
        && reference.GetValue<string>().Split('/').Any(step => Lost.Contains(step, StringComparer.Ordinal));

    private static JsonNode? WriteAll(JsonNode? schemas, bool isExact) =>
        schemas is JsonArray list ? new JsonArray([.. list.Select(schema => Write(schema, isExact))]) : schemas?.DeepClone();
}
