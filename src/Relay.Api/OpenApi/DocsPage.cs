using System.Text.Json.Nodes;
using System.Xml.Linq;
using static Relay.Api.OpenApi.Html;

namespace Relay.Api.OpenApi;

/// <summary>The description as one page for people. Everything is an element or a text, so that no text becomes markup.</summary>
internal sealed class DocsPage(OpenApiDocument document)
{
    private readonly SchemaTables _schemas = new(document);

    /// <summary>The page.</summary>
    public string Render()
    {
        var info = document.Root["info"]!;
        var title = $"{Text(info, "title")} {Text(info, "version")}";
        var html = new XElement(
            "html",
            new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("meta", new XAttribute("name", "color-scheme"), new XAttribute("content", "light dark")),
                new XElement("title", title),
                new XElement("link", new XAttribute("rel", "stylesheet"), new XAttribute("href", "/docs/style.css"))),
            new XElement(
                "body",
                Link("#main", "Skip to the routes", "skip"),
                new XElement("nav", new XAttribute("aria-label", "Routes"), new XElement("p", Class("brand"), Link("#main", title)), Navigation()),
                new XElement("main", new XAttribute("id", "main"), Introduction(info), Groups(), Everywhere(), AllHeaders(), _schemas.All())));
        return "<!doctype html>" + html.ToString(SaveOptions.DisableFormatting);
    }

    private IEnumerable<JsonNode> Tags => document.Root["tags"]!.AsArray().OfType<JsonNode>();

    private IEnumerable<(string Path, string Method, JsonObject Operation)> Of(JsonNode tag) =>
        document.Operations.Where(operation => operation.Operation["tags"]!.AsArray().Any(name => name!.GetValue<string>() == Text(tag, "name")));

    private IEnumerable<XElement> Navigation()
    {
        foreach (var tag in Tags)
        {
            yield return new XElement("h2", Text(tag, "name"));
            yield return new XElement("ul", Of(tag).Select(route => new XElement("li", Link($"#{Text(route.Operation, "operationId")}", Method(route.Method), " ", new XElement("span", route.Path)))));
        }

        yield return new XElement("h2", "Reference");
        yield return new XElement("ul", new XElement("li", Link("#everywhere", "Errors of every route")), new XElement("li", Link("#headers", "Headers")), new XElement("li", Link("#schemas", "Schemas")), new XElement("li", Link("/openapi/v1.json", "openapi/v1.json")));
    }

    private static IEnumerable<XElement> Introduction(JsonNode info) =>
    [
        new XElement("h1", Text(info, "title"), " ", new XElement("small", Text(info, "version"))),
        new XElement("p", Class("lead"), Text(info, "summary")),
        .. Paragraphs(Text(info, "description")),
        new XElement("p", "The examples take the relay's address and your key from the environment:"),
        Code("export RELAY=http://127.0.0.1:8799\nexport KEY=…"),
    ];

    private IEnumerable<XElement> Groups() =>
        from tag in Tags
        select new XElement("section", new XElement("h2", Text(tag, "name")), Paragraphs(Text(tag, "description")), Of(tag).Select(route => Operation(route.Path, route.Method, route.Operation)));

    private XElement Operation(string path, string method, JsonObject operation) => new(
        "article",
        new XAttribute("id", Text(operation, "operationId")!),
        new XElement("h3", Method(method), " ", new XElement("code", path)),
        new XElement("p", Class("lead"), Text(operation, "summary")),
        Paragraphs(Text(operation, "description")),
        new XElement("p", Class("key"), KeyOf(operation)),
        new XElement("h4", "Example"),
        Code(CurlExample.Of(document, path, method, operation)),
        Parameters(operation),
        Body(operation),
        Success(operation),
        new XElement("h4", "Errors"),
        Errors(operation["responses"]!.AsObject().Where(response => document.Resolve(response.Value!).ContainsKey("x-codes"))));

    private static string KeyOf(JsonObject operation) => operation["security"]!.AsArray() switch
    {
        { Count: 0 } => "Needs no key.",
        [JsonObject { Count: 0 }, ..] => "Needs no key; the answer depends on the key or the session.",
        [{ } first, .., { } last] when first.AsObject().First().Value!.AsArray() is [{ } scope, ..] =>
            $"Needs a key with the scope {scope.GetValue<string>()}{(last.AsObject().ContainsKey("session") ? ", or a session of the dashboard" : string.Empty)}.",
        _ => "Needs a key, with whatever scope.",
    };

    private IEnumerable<XElement> Parameters(JsonObject operation)
    {
        var parameters = (operation["parameters"]?.AsArray() ?? []).Select(parameter => document.Resolve(parameter!)).ToList();
        return parameters.Count == 0
            ? []
            :
            [
                new XElement("h4", "Parameters"),
                Table(
                    ["Parameter", "Type", "Meaning"],
                    parameters.Select(parameter => new object?[][]
                    {
                        [new XElement("code", Text(parameter, "name")), parameter["required"] is null ? null : new object[] { " ", Required }],
                        [_schemas.TypeOf(parameter["schema"]!), $", in the {Text(parameter, "in")}"],
                        [Inline(Text(parameter, "description")), _schemas.RulesOf(parameter["schema"]!)],
                    })),
            ];
    }

    private IEnumerable<XElement> Body(JsonObject operation)
    {
        if (operation["requestBody"]?["content"]?["application/json"] is not { } content)
        {
            return [];
        }

        return
        [
            new XElement("h4", "Body"),
            .. Paragraphs(Text(operation["requestBody"]!, "description")),
            .. Paragraphs(Text(document.Resolve(content["schema"]!), "description")),
            _schemas.Fields(document.Resolve(content["schema"]!)),
            .. Examples(content, "Example: "),
        ];
    }

    private IEnumerable<XElement> Success(JsonObject operation)
    {
        foreach (var (status, node) in operation["responses"]!.AsObject())
        {
            var response = document.Resolve(node!);
            if (response.ContainsKey("x-codes"))
            {
                continue;
            }

            yield return new XElement("h4", $"Answer {status}");
            foreach (var element in Paragraphs(Text(response, "description")).Concat((response["content"]?.AsObject() ?? []).SelectMany(content => Content(content.Key, content.Value!))))
            {
                yield return element;
            }

            yield return Headers(response);
        }
    }

    private IEnumerable<XElement> Content(string type, JsonNode content)
    {
        if (content["x-events"] is JsonArray events)
        {
            return
            [
                new XElement("p", "As ", new XElement("code", type), ":"),
                Table(
                    ["Event", "Data", "Meaning"],
                    events.Select(item => new object?[][]
                    {
                        [Text(item!, "event") is { } name ? new XElement("code", name) : "no name"],
                        [item!["schema"] is { } schema ? _schemas.TypeOf(schema) : new XElement("code", Text(item, "text"))],
                        [item["schema"] is { } described ? Inline(Text(document.Resolve(described), "description")) : "The end."],
                    })),
                Details("Example", Code(Text(content, "example")!)),
            ];
        }

        var fields = document.Resolve(content["schema"]!);
        return
        [
            new XElement("p", "As ", new XElement("code", type), fields["properties"] is null ? "." : ":"),
            .. fields["properties"] is null ? [] : (XElement[])[_schemas.Fields(fields)],
            .. Examples(content, "Example: "),
        ];
    }

    private static XElement Headers(JsonObject response) =>
        new("p", Class("headers"), Link("#headers", "Headers"), ": ", Values((response["headers"]?.AsObject() ?? []).Select(header => header.Key)));

    /// <summary>What each header says, once: most are on most answers.</summary>
    private XElement AllHeaders() => new(
        "section",
        new XAttribute("id", "headers"),
        new XElement("h2", "Headers"),
        Table(
            ["Header", "Type", "Meaning"],
            document.Operations.Select(route => route.Operation["responses"]!.AsObject()).Append(document.Root["x-unmatched"]!.AsObject())
                .SelectMany(responses => responses.SelectMany(response => document.Resolve(response.Value!)["headers"]!.AsObject()))
                .GroupBy(header => header.Key, header => document.Resolve(header.Value!), StringComparer.OrdinalIgnoreCase)
                .Select(meanings => new object?[][]
                {
                    [new XElement("code", meanings.Key)],
                    [_schemas.TypeOf(meanings.First()["schema"]!)],
                    [meanings.Select(meaning => Text(meaning, "description")).Distinct(StringComparer.Ordinal).Select(meaning => new XElement("p", Inline(meaning)))],
                })));

    private XElement Errors(IEnumerable<KeyValuePair<string, JsonNode?>> responses) => Table(
        ["Status", "Codes", "Meaning"],
        responses.Select(pair => (Status: pair.Key, Response: document.Resolve(pair.Value!))).Select(error => new object?[][]
        {
            [new XElement("strong", error.Status)],
            [Values(error.Response["x-codes"]!.AsArray().Concat(error.Response["x-codes-with-cost"]?.AsArray() ?? []).Select(code => code!.GetValue<string>()))],
            [Inline(Text(error.Response, "description")), Details("Example and headers", Code(Pretty(error.Response["content"]!["application/json"]!["example"]!)), Headers(error.Response))],
        }));

    private XElement Everywhere() => new(
        "section",
        new XAttribute("id", "everywhere"),
        new XElement("h2", "Errors of every route"),
        new XElement("p", "Requests that reach no route are answered by these. docs/errors.md of the project says of every code what to do about it."),
        Errors(document.Root["x-unmatched"]!.AsObject()));

    private static IEnumerable<XElement> Examples(JsonNode content, string prefix) => content["examples"] is JsonObject examples
        ? examples.Select(example => Details(prefix + Text(example.Value!, "summary"), Code(Pretty(example.Value!["value"]!))))
        : content["example"] is { } one ? [Details("Example", Code(Pretty(one)))] : [];

    private static XElement Method(string method) => new("span", Class($"method {method}"), method);
}
