using System.Text.Json.Nodes;
using System.Xml.Linq;
using static Relay.Api.OpenApi.Html;

namespace Relay.Api.OpenApi;

/// <summary>Schemas as tables of fields. What has a name and fields of its own is linked, everything else is told on the spot.</summary>
internal sealed class SchemaTables(OpenApiDocument document)
{
    /// <summary>The rules that say how a value may be, in words.</summary>
    private static readonly (string Keyword, string Words)[] Rules =
    [
        ("default", "Default"), ("minimum", "At least"), ("exclusiveMinimum", "More than"), ("maximum", "At most"), ("exclusiveMaximum", "Less than"),
        ("minLength", "Characters, at least"), ("maxLength", "Characters, at most"), ("minItems", "Items, at least"), ("maxItems", "Items, at most"),
        ("pattern", "Pattern"), ("contentEncoding", "Encoding"),
    ];

    private JsonObject Named => document.Root["components"]!["schemas"]!.AsObject();

    /// <summary>Every schema that is linked to.</summary>
    public XElement All() => new(
        "section",
        new XAttribute("id", "schemas"),
        new XElement("h2", "Schemas"),
        Named.Where(schema => HasFields(schema.Value!.AsObject())).Select(schema => new XElement(
            "article",
            new XAttribute("id", Anchor(schema.Key)),
            new XElement("h3", new XElement("code", schema.Key)),
            Paragraphs(Text(schema.Value!, "description")),
            Fields(schema.Value!.AsObject()))));

    /// <summary>The fields of an object, those of objects without a name of their own among them.</summary>
    public XElement Fields(JsonObject schema) => Table(["Field", "Type", "Meaning"], Rows(schema, string.Empty));

    /// <summary>What kind of value it is.</summary>
    public IEnumerable<object> TypeOf(JsonNode node)
    {
        var given = node.AsObject();
        if (given["$ref"] is { } reference && reference.GetValue<string>().Split('/')[^1] is var name && HasFields(document.Resolve(given)))
        {
            return [Link($"#{Anchor(name)}", name)];
        }

        var schema = document.Resolve(given);
        return schema switch
        {
            _ when schema.TryGetPropertyValue("const", out var value) => [new XElement("code", Literal(value))],
            _ when schema["enum"] is JsonArray values => Joined(values.Select(value => (IEnumerable<object>)[new XElement("code", Literal(value))])),
            _ when schema["anyOf"] is JsonArray choices => Joined(choices.Select(choice => TypeOf(choice!))),
            _ when schema["items"] is { } items => [new XText("list of "), .. TypeOf(items), .. IsNullable(schema) ? [new XText(" or "), new XElement("code", "null")] : Array.Empty<object>()],
            _ when schema["type"] is JsonArray types => [new XText(string.Join(" or ", types))],
            _ => [new XText(schema["type"]?.GetValue<string>() ?? "any")],
        };
    }

    /// <summary>What it must keep to.</summary>
    public IEnumerable<object> RulesOf(JsonNode node)
    {
        var schema = document.Resolve(node);
        var rules = Rules.Where(rule => schema[rule.Keyword] is not null)
            .Select(rule => new XElement("span", rule.Words, " ", new XElement("code", schema[rule.Keyword] is JsonValue text && text.TryGetValue<string>(out var plain) ? plain : Literal(schema[rule.Keyword]))))
            .ToList();
        return rules.Count == 0 ? [] : [new XElement("p", Class("rules"), rules)];
    }

    private IEnumerable<object?[][]> Rows(JsonObject schema, string prefix)
    {
        var required = (schema["required"]?.AsArray() ?? []).Select(name => name!.GetValue<string>()).ToHashSet(StringComparer.Ordinal);
        foreach (var (name, node) in schema["properties"]?.AsObject() ?? [])
        {
            var field = document.Resolve(node!);
            yield return
            [
                [new XElement("code", prefix + name), required.Contains(name) ? new object[] { " ", Required } : null],
                [TypeOf(node!)],
                [Inline(Text(field, "description")), RulesOf(node!)],
            ];
            foreach (var row in Unnamed(node!).SelectMany(inner => Rows(inner.Schema, prefix + name + inner.Suffix)))
            {
                yield return row;
            }
        }
    }

    /// <summary>The objects inside of a field that have no name, and so no table of their own.</summary>
    private IEnumerable<(JsonObject Schema, string Suffix)> Unnamed(JsonNode node)
    {
        var given = node.AsObject();
        if (given["$ref"] is not null && HasFields(document.Resolve(given)))
        {
            return [];
        }

        var schema = document.Resolve(given);
        return HasFields(schema) ? [(schema, ".")]
            : schema["items"] is { } items ? Unnamed(items).Select(inner => (inner.Schema, "[]" + inner.Suffix))
            : schema["anyOf"] is JsonArray choices ? choices.SelectMany(choice => Unnamed(choice!))
            : [];
    }

    private static bool HasFields(JsonObject schema) => schema["properties"] is not null;

    private static bool IsNullable(JsonObject schema) => schema["type"] is JsonArray types && types.Any(type => type!.GetValue<string>() == "null");

    private static IEnumerable<object> Joined(IEnumerable<IEnumerable<object>> parts) => parts.SelectMany((part, index) => index == 0 ? part : part.Prepend(new XText(" or ")));

    private static string Anchor(string name) => $"schema-{name}";
}
