using System.Reflection;
using System.Text.Json.Nodes;

namespace Relay.Api.OpenApi;

/// <summary>
/// The description of the relay's API, written by hand in <c>openapi.json</c>: bodies are read by the relay's own strict reader, and
/// a generator would describe what MVC's would take. Tests compare it with the routes, the readers and real answers.
/// </summary>
internal sealed class OpenApiDocument
{
    private readonly JsonNode _root;

    public OpenApiDocument()
    {
        _root = JsonNode.Parse(Resource("openapi.json"))!;
        _root["info"]!["version"] = typeof(OpenApiDocument).Assembly.GetName().Version!.ToString(3);
    }

    /// <summary>The document.</summary>
    public JsonObject Root => _root.AsObject();

    /// <summary>Every operation, in the document's order.</summary>
    public IEnumerable<(string Path, string Method, JsonObject Operation)> Operations =>
        from path in Root["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select (path.Key, operation.Key.ToUpperInvariant(), operation.Value!.AsObject());

    /// <summary>A file that is part of the program.</summary>
    public static byte[] Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The program lacks its resource {name}.");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    /// <summary>What a <c>$ref</c> points to, with what stands beside it; anything else as it is.</summary>
    public JsonObject Resolve(JsonNode node)
    {
        var found = node.AsObject();
        while (found["$ref"] is { } reference)
        {
            var target = reference.GetValue<string>().Split('/').Skip(1).Aggregate((JsonNode)Root, (parent, name) => parent[name]!).DeepClone().AsObject();
            foreach (var (name, value) in found.Where(pair => pair.Key != "$ref"))
            {
                target[name] = value?.DeepClone();
            }

            found = target;
        }

        return found;
    }
}
