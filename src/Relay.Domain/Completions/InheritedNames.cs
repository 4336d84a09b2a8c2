using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Domain.Completions;

/// <summary>
/// Names that each object of JavaScript has by inheritance. Claude Code's validator takes a property of such a name for present in
/// every answer (measured on 2.1.330): an answer without it would pass as fitting.
/// </summary>
internal static class InheritedNames
{
    private static readonly HashSet<string> All = new(StringComparer.Ordinal)
    {
        "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
        "__proto__", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
    };

    /// <summary>The first such name that a schema asks of an object; null for none.</summary>
    public static string? Find(JsonNode? schema) => schema switch
    {
        JsonObject members => members.Select(member => FindIn(member.Key, member.Value)).FirstOrDefault(name => name is not null),
        JsonArray items => items.Select(Find).FirstOrDefault(name => name is not null),
        _ => null,
    };

    private static string? FindIn(string keyword, JsonNode? value) => (keyword, value) switch
    {
        // Values, in which any name may stand.
        ("enum" or "const" or "default", _) => null,
        ("required", JsonArray names) => FindAmong(names),
        ("properties", JsonObject named) => named.Select(property => property.Key).FirstOrDefault(All.Contains) ?? FindBehind(named),
        ("dependencies", JsonObject named) => named.Select(property => property.Key).FirstOrDefault(All.Contains)
            ?? named.Select(property => property.Value is JsonArray names ? FindAmong(names) : Find(property.Value)).FirstOrDefault(name => name is not null),
        ("patternProperties" or "definitions" or "$defs", JsonObject named) => FindBehind(named),
        _ => Find(value),
    };

    private static string? FindBehind(JsonObject named) => named.Select(property => Find(property.Value)).FirstOrDefault(name => name is not null);

    private static string? FindAmong(JsonArray names) =>
        names.Select(name => name?.GetValueKind() == JsonValueKind.String ? name.GetValue<string>() : null).FirstOrDefault(name => name is not null && All.Contains(name));
}
