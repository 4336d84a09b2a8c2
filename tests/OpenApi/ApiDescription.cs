using System.Collections.Concurrent;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Relay.OpenApiTests;

/// <summary>An answer as it came.</summary>
/// <param name="Method">Of the request.</param>
/// <param name="Path">Of the request, without its query.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Headers">All of them, those of the content, too.</param>
/// <param name="Body">The body's text; null for one that was not read, of which nothing is then said.</param>
public sealed record SeenAnswer(string Method, string Path, int Status, IReadOnlyDictionary<string, string> Headers, string? Body);

/// <summary>
/// The description of the API as a judge: says where an answer is not as described. Schemas are judged by JsonSchema.Net, all that
/// stands around them (which operation, status, headers, events) here.
/// </summary>
public sealed class ApiDescription
{
    private const string SchemaBase = "https://relay.example/schemas";

    /// <summary>Headers of the connection, and of the way in which a body is sent.</summary>
    private static readonly HashSet<string> OfTheServer = new(StringComparer.OrdinalIgnoreCase)
    {
        "Date",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Keep-Alive",
    };

    private readonly ConcurrentDictionary<string, Lazy<JsonSchema>> _schemas = new(StringComparer.Ordinal);
    private readonly BuildOptions _build = new() { SchemaRegistry = new SchemaRegistry(), Dialect = Dialect.Draft202012 };
    private readonly Lock _building = new();
    private readonly JsonObject _root;

    public ApiDescription(string json)
    {
        _root = JsonNode.Parse(json)!.AsObject();
        var schemas = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["$id"] = SchemaBase,
            ["$defs"] = _root["components"]!["schemas"]!.DeepClone(),
        };
        _ = JsonSchema.FromText(Absolute(schemas.ToJsonString()), _build);
    }

    /// <summary>The document.</summary>
    public JsonObject Root => _root;

    /// <summary>Every operation: its path, its method in capitals, and what is said of it.</summary>
    public IEnumerable<(string Path, string Method, JsonObject Operation)> Operations =>
        from path in _root["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select (path.Key, operation.Key.ToUpperInvariant(), operation.Value!.AsObject());

    /// <summary>The node a reference points to, or the node itself. What stands beside a reference is not looked at.</summary>
    public JsonObject Resolve(JsonNode node) =>
        node["$ref"]?.GetValue<string>() is { } reference
            ? Resolve(
                reference
                    .Split('/')
                    .Skip(1)
                    .Aggregate(
                        (JsonNode)_root,
                        (parent, name) => parent[name] ?? throw new InvalidOperationException($"{reference} points nowhere.")
                    )
            )
            : node.AsObject();

    /// <summary>The operation behind a request; null where there is none.</summary>
    public JsonObject? FindOperation(string method, string path) => FindPath(path)?[method.ToLowerInvariant()]?.AsObject();

    /// <summary>Whether there is a route of this path, by whatever method.</summary>
    public bool Knows(string path) => FindPath(path) is not null;

    /// <summary>The places where a value does not fit a schema of the document; empty where it fits.</summary>
    public IReadOnlyList<string> FindMisfits(JsonNode schema, JsonElement value)
    {
        var built = _schemas.GetOrAdd(
            schema.ToJsonString(),
            text => new Lazy<JsonSchema>(() =>
            {
                lock (_building)
                {
                    return JsonSchema.FromText(Absolute(text), _build);
                }
            })
        );
        var result = built.Value.Evaluate(
            value,
            new EvaluationOptions { OutputFormat = OutputFormat.List, RequireFormatValidation = true }
        );
        return result.IsValid
            ? []
            :
            [
                .. (result.Details ?? [])
                    .Append(result)
                    .Where(detail => detail.Errors is { Count: > 0 })
                    .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation} {error.Key}: {error.Value}")),
            ];
    }

    /// <summary>Everything about an answer that the document does not say; empty where it says all of it.</summary>
    public IReadOnlyList<string> FindProblems(SeenAnswer answer)
    {
        var status = answer.Status.ToString(CultureInfo.InvariantCulture);
        // The name is looked at before the route.
        var responses = FindOperation(answer.Method, answer.Path)?["responses"]!.AsObject() ?? _root["x-unmatched"]!.AsObject();
        if (responses[status] is not { } node)
        {
            var route = $"{answer.Method} {answer.Path}";
            return [$"the description does not say that {route} may answer {status}. It answered: {Cut(answer.Body)}"];
        }

        var response = Resolve(node);
        return
        [
            .. FindHeaderProblems(response, answer)
                .Concat(answer.Body is { } body ? FindBodyProblems(response, answer, body) : [])
                .Select(problem => $"{answer.Method} {answer.Path} {status}: {problem}"),
        ];
    }

    private IEnumerable<string> FindHeaderProblems(JsonObject response, SeenAnswer answer)
    {
        var described = new Dictionary<string, JsonObject>(
            (response["headers"]?.AsObject() ?? []).Select(header => KeyValuePair.Create(header.Key, Resolve(header.Value!))),
            StringComparer.OrdinalIgnoreCase
        );
        foreach (var (name, header) in described)
        {
            if (!answer.Headers.TryGetValue(name, out var value))
            {
                if (header["required"]?.GetValue<bool>() == true)
                {
                    yield return $"the header {name} is missing.";
                }

                continue;
            }

            foreach (var misfit in FindMisfits(header["schema"]!, AsTyped(Resolve(header["schema"]!), value)))
            {
                yield return $"the header {name} is '{value}': {misfit}";
            }
        }

        foreach (var name in answer.Headers.Keys.Where(name => !described.ContainsKey(name) && !OfTheServer.Contains(name)))
        {
            yield return $"the description says nothing of the header {name} ('{answer.Headers[name]}').";
        }
    }

    private IEnumerable<string> FindBodyProblems(JsonObject response, SeenAnswer answer, string body)
    {
        if (response["content"] is not JsonObject contents)
        {
            return body.Length == 0 ? [] : [$"the description says that it has no body. It has: {Cut(body)}"];
        }

        var type = answer.Headers.GetValueOrDefault("Content-Type", string.Empty).Split(';')[0];
        if (contents[type] is not { } content)
        {
            return [$"the description does not say that it may be '{type}'."];
        }

        return content["x-events"] is JsonArray events ? FindEventProblems(events, body)
            : type == "application/json"
                ? FindMisfits(content["schema"]!, JsonElement.Parse(body)).Select(misfit => $"{misfit} in {Cut(body)}")
            : FindMisfits(content["schema"]!, JsonSerializer.SerializeToElement(body));
    }

    private IEnumerable<string> FindEventProblems(JsonArray described, string body)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(body));
        foreach (var item in SseParser.Create(stream).Enumerate())
        {
            var candidates = described
                .Where(candidate => (candidate!["event"]?.GetValue<string>() ?? "message") == item.EventType)
                .ToList();
            var misfits = candidates
                .Select(candidate =>
                    candidate!["text"]?.GetValue<string>() is { } text
                        ? text == item.Data
                            ? []
                            : [$"it is not {text}"]
                        : item.Data.StartsWith('{')
                            ? FindMisfits(candidate["schema"]!, JsonElement.Parse(item.Data))
                            : ["it is no JSON"]
                )
                .ToList();
            if (!misfits.Exists(found => found.Count == 0))
            {
                yield return candidates.Count == 0
                    ? $"the description does not know the event '{item.EventType}'."
                    : $"the event '{item.EventType}' with {Cut(item.Data)}: "
                        + $"{string.Join("; or ", misfits.Select(found => string.Join(", ", found)))}";
            }
        }
    }

    private JsonObject? FindPath(string path)
    {
        var parts = path.Split('/');
        return _root["paths"]!
            .AsObject()
            .Where(candidate =>
                candidate.Key.Split('/') is var known
                && known.Length == parts.Length
                && known.Zip(parts).All(pair => pair.First == pair.Second || (pair.First.StartsWith('{') && pair.Second.Length > 0))
            )
            .OrderBy(candidate => candidate.Key.Contains('{', StringComparison.Ordinal))
            .Select(candidate => candidate.Value!.AsObject())
            .FirstOrDefault();
    }

    private static JsonElement AsTyped(JsonObject schema, string value) =>
        schema["type"]?.GetValue<string>() == "integer"
        && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? JsonSerializer.SerializeToElement(number)
            : JsonSerializer.SerializeToElement(value);

    /// <summary>The document's references are to itself; a schema that is judged by stands alone.</summary>
    private static string Absolute(string schema) =>
        schema.Replace("\"#/components/schemas/", $"\"{SchemaBase}#/$defs/", StringComparison.Ordinal);

    private static string Cut(string? text) => text is { Length: > 600 } ? text[..600] + "…" : text ?? "nothing";
}
