using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Microsoft.OpenApi;
using Relay.Api.Hosting;
using Relay.OpenApiTests;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>
/// The description is one that programs can read: valid OpenAPI 3.1, with schemas that are schemas and examples that fit them.
/// </summary>
public sealed class OpenApiDocumentTests
{
    private static readonly string[] Choices = ["anyOf", "oneOf", "allOf"];

    private static readonly ApiDescription Description = Documents.Description;

    [Fact]
    public void It_is_valid_OpenAPI_3_1()
    {
        var read = Microsoft.OpenApi.OpenApiDocument.Parse(Documents.Json, OpenApiConstants.Json);

        read.Diagnostic!.SpecificationVersion.Should().Be(OpenApiSpecVersion.OpenApi3_1);
        read.Diagnostic.Errors.Select(error => $"{error.Pointer}: {error.Message}").Should().BeEmpty();
        read.Diagnostic.Warnings.Select(warning => $"{warning.Pointer}: {warning.Message}").Should().BeEmpty();
        read.Document!.Paths.Should().HaveCount(Description.Root["paths"]!.AsObject().Count);
    }

    [Fact]
    public void An_invalid_OpenAPI_document_is_found_out()
    {
        foreach (
            var (part, wrong) in (ReadOnlySpan<(string, string)>)
                [("\"operationId\":", "\"operationID\":"), ("\"in\":\"header\"", "\"in\":\"head\""), ("\"version\":", "\"edition\":")]
        )
        {
            Microsoft
                .OpenApi.OpenApiDocument.Parse(Documents.Json.Replace(part, wrong, StringComparison.Ordinal), OpenApiConstants.Json)
                .Diagnostic!.Errors.Should()
                .NotBeEmpty(wrong);
        }
    }

    [Fact]
    public void Its_version_is_the_programs() =>
        Description.Root["info"]!["version"]!.GetValue<string>().Should().Be(typeof(RelayHost).Assembly.GetName().Version!.ToString(3));

    [Fact]
    public void Every_field_is_described()
    {
        var fields =
            from schema in Description.Root["components"]!["schemas"]!.AsObject()
            from field in schema.Value!["properties"]?.AsObject() ?? []
            select (Name: $"{schema.Key}.{field.Key}", Schema: field.Value!.AsObject());

        fields
            .Where(field =>
                !field.Schema.ContainsKey("description")
                && field.Schema["oneOf"]?.AsArray().Any(choice => choice!.AsObject().ContainsKey("description")) != true
            )
            .Select(field => field.Name)
            .Should()
            .BeEmpty();
    }

    [Fact]
    public void Every_schema_is_one()
    {
        var schemas = Nodes(Description.Root)
            .Where(node =>
                node.Parent is JsonObject && node.GetPropertyName() == "schema"
                || node.GetPath().StartsWith("$.components.schemas.", StringComparison.Ordinal)
                    && node.GetPath().Count(letter => letter == '.') == 3
            )
            .ToList();

        schemas.Should().HaveCountGreaterThan(100);
        foreach (var schema in schemas)
        {
            MetaSchemas
                .Draft202012.Evaluate(JsonSerializer.SerializeToElement(schema))
                .IsValid.Should()
                .BeTrue($"{schema.GetPath()} is one");
        }
    }

    [Fact]
    public void Every_reference_leads_somewhere_and_every_component_is_referred_to()
    {
        var references = Nodes(Description.Root)
            .OfType<JsonObject>()
            .Select(node => node["$ref"])
            .OfType<JsonValue>()
            .Select(reference => reference.GetValue<string>())
            .ToHashSet(StringComparer.Ordinal);

        foreach (var reference in references)
        {
            Description.Resolve(new JsonObject { ["$ref"] = reference }).Should().NotBeNull();
        }

        var components = Description.Root["components"]!
            .AsObject()
            .Where(kind => kind.Key != "securitySchemes")
            .SelectMany(kind => kind.Value!.AsObject().Select(component => $"#/components/{kind.Key}/{component.Key}"));
        components.Where(component => !references.Contains(component)).Should().BeEmpty("what nobody refers to describes nothing");
    }

    [Fact]
    public void Every_example_fits_its_schema()
    {
        var holders = Nodes(Description.Root)
            .OfType<JsonObject>()
            .Where(node => node["schema"] is not null && node["x-events"] is null && (node["example"] ?? node["examples"]) is not null)
            .ToList();

        holders.Should().HaveCountGreaterThan(60);
        foreach (var holder in holders)
        {
            var examples = holder["examples"] is JsonObject several
                ? several.Select(example => example.Value!["value"]!)
                : [holder["example"]!];
            foreach (var example in examples)
            {
                Description.FindMisfits(holder["schema"]!, JsonSerializer.SerializeToElement(example)).Should().BeEmpty(holder.GetPath());
            }
        }
    }

    [Fact]
    public void Every_answers_object_is_closed()
    {
        var open =
            from route in Description.Operations
            from response in route.Operation["responses"]!.AsObject()
            from content in Description.Resolve(response.Value!)["content"]?.AsObject() ?? []
            from schema in (content.Value!["x-events"]?.AsArray() ?? [])
                .Select(item => item!["schema"])
                .Append(content.Value!["schema"])
                .OfType<JsonNode>()
            from found in OpenObjects(schema, [])
            where route.Path != "/openapi/v1.json"
            select $"{route.Path} {response.Key}: {found.GetPath()}";

        // The model's own values, and a caller's that the answer repeats.
        string[] free =
        [
            "structured_output",
            "ToolUseContract.properties.input",
            "ResponseContract.properties.metadata",
            "ResponseFormat.properties.format",
        ];
        open.Where(path => !Array.Exists(free, name => path.EndsWith(name, StringComparison.Ordinal)))
            .Should()
            .BeEmpty("a field that nobody described must not pass");
    }

    [Fact]
    public void Every_field_says_what_it_is()
    {
        var fields =
            from schema in Description.Root["components"]!["schemas"]!.AsObject()
            from holder in Nodes(schema.Value!).OfType<JsonObject>()
            where holder["additionalProperties"] is not null
            from field in holder["properties"]!.AsObject()
            select (Name: $"{schema.Key}: {field.Key}", Schema: field.Value!.AsObject());
        // A constant says it by itself; an object without a name is told by its own fields.
        var silent = fields.Where(field => !IsTold(field.Schema) && !IsTold(Description.Resolve(field.Schema))).Select(field => field.Name);

        silent.Should().BeEmpty();
    }

    private static bool IsTold(JsonObject field) =>
        field.ContainsKey("description")
        || field.ContainsKey("const")
        || field.ContainsKey("enum")
        || field.ContainsKey("properties")
        || field["type"]?.ToString() == "null"
        || (field["oneOf"]?.AsArray().Any(choice => choice!["description"] is not null) ?? false);

    private static IEnumerable<JsonObject> OpenObjects(JsonNode node, HashSet<string> seen)
    {
        if (node is not JsonObject schema)
        {
            yield break;
        }

        if (schema["$ref"]?.GetValue<string>() is { } reference)
        {
            if (seen.Add(reference))
            {
                foreach (var found in OpenObjects(Description.Resolve(schema), seen))
                {
                    yield return found;
                }
            }

            yield break;
        }

        if (schema["type"]?.ToString() == "object" && schema["additionalProperties"]?.ToString() != "false")
        {
            yield return schema;
        }

        foreach (
            var inner in (schema["properties"]?.AsObject().Select(property => property.Value) ?? [])
                .Append(schema["items"])
                .Concat(Choices.SelectMany(choice => schema[choice]?.AsArray() ?? []))
                .OfType<JsonNode>()
                .SelectMany(inner => OpenObjects(inner, seen))
        )
        {
            yield return inner;
        }
    }

    private static IEnumerable<JsonNode> Nodes(JsonNode node) =>
        (
            node switch
            {
                JsonObject parent => parent.Select(pair => pair.Value),
                JsonArray list => list,
                _ => [],
            }
        )
            .OfType<JsonNode>()
            .SelectMany(Nodes)
            .Prepend(node);
}
