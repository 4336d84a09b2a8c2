using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Api.OpenApi;

/// <summary>Adds to each route its keys, its parameters, its examples, its headers and its errors.</summary>
internal sealed class AnswerTransformer : IOpenApiOperationTransformer
{
    private const string StrictBody = "JSON in UTF-8, uncompressed. Unknown fields and repeated fields are refused.";

    private const string CompatibleBody =
        "JSON in UTF-8, uncompressed. Fields that are unknown or have no effect are named in `X-Relay-Ignored`. Repeated fields are "
        + "refused.";

    private readonly OpenApiDocument _head = DocumentParts.ReadHead();

    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var (route, document) = (new RouteFacts(context.Description), context.Document!);
        var examples = DocumentParts.FindExamples(
            operation.OperationId ?? throw new InvalidOperationException($"{context.Description.RelativePath} needs a name.")
        );
        operation.Description = operation.Description?.ReplaceLineEndings(" ");
        operation.Security = SecurityOf(route, document);
        AddParameters(operation, route, document);
        if (operation.RequestBody is OpenApiRequestBody body)
        {
            body.Description = route.Find<ReadsAttribute>()!.Rule ?? (route.IsCompatible ? CompatibleBody : StrictBody);
            AddExamples(body.Content!["application/json"], examples?["request"]);
        }

        BringTogether(operation.Responses!);
        foreach (var answer in route.Answers)
        {
            var status = answer.Status.ToString(CultureInfo.InvariantCulture);
            var response = (OpenApiResponse)operation.Responses![status];
            response.Description = answer.Description;
            response.Headers = RouteHeaders.Of(document, _head, route, answer.Status, []);
            if (response.Content?.TryGetValue(answer.MediaType, out var content) == true)
            {
                AddExamples(content, examples?[status]?[answer.MediaType]);
                AddEvents(content, answer.Contract);
            }
        }

        foreach (var (status, codes, codesWithCost) in RouteErrors.ByStatus(route))
        {
            var response = RouteErrors.Describe(document, codes is [ErrorCode.WrongHost] ? null : route.Surface, codes, codesWithCost);
            response.Headers = RouteHeaders.Of(document, _head, route, status, codes);
            operation.Responses![status.ToString(CultureInfo.InvariantCulture)] = SharedResponses.Share(
                document,
                $"{operation.OperationId}.{status}",
                response
            );
        }

        var responses = operation.Responses!.OrderBy(response => response.Key, StringComparer.Ordinal).ToList();
        operation.Responses = [];
        responses.ForEach(response => operation.Responses.Add(response.Key, response.Value));
        return Task.CompletedTask;
    }

    /// <summary>The ways to authenticate: a key with the route's scope, or a session. Without a key, the first way is empty.</summary>
    private static List<OpenApiSecurityRequirement> SecurityOf(RouteFacts route, OpenApiDocument document)
    {
        List<string> scopes = [.. route.Scope?.ToNames() ?? []];
        OpenApiSecurityRequirement Way(string scheme) => new() { [new OpenApiSecuritySchemeReference(scheme, document)] = scopes };
        return
        [
            .. !route.NeedsKey && route.TakesSession ? [new OpenApiSecurityRequirement()] : Array.Empty<OpenApiSecurityRequirement>(),
            .. route.NeedsKey || route.TakesSession ? [Way("bearer"), Way("apiKey")] : Array.Empty<OpenApiSecurityRequirement>(),
            .. route.TakesSession ? [Way("session")] : Array.Empty<OpenApiSecurityRequirement>(),
        ];
    }

    private void AddParameters(OpenApiOperation operation, RouteFacts route, OpenApiDocument document)
    {
        IEnumerable<string> names =
        [
            .. route.Bucket is null ? Array.Empty<string>() : ["Idempotency-Key", "Request-Timeout", "X-Stainless-Timeout"],
            .. route.IsFile ? ["If-None-Match"] : Array.Empty<string>(),
            .. route.FindAll<TakesAttribute>().SelectMany(takes => takes.Parameters),
        ];
        foreach (var name in names)
        {
            document.AddComponent(name, _head.Components!.Parameters![name]);
            (operation.Parameters ??= []).Add(new OpenApiParameterReference(name, document));
        }
    }

    /// <summary>Joins a status's answers, which <see cref="DescribedRoutes"/> registers apart. Removes the errors' contracts.</summary>
    private static void BringTogether(OpenApiResponses responses)
    {
        foreach (var (key, response) in responses.ToList())
        {
            var status = int.Parse(key, CultureInfo.InvariantCulture);
            if (status is >= DescribedRoutes.ErrorContracts and < DescribedRoutes.SameStatus)
            {
                responses.Remove(key);
            }
            else if (status > DescribedRoutes.SameStatus)
            {
                responses.Remove(key);
                var first = responses[(status % DescribedRoutes.SameStatus).ToString(CultureInfo.InvariantCulture)];
                foreach (var (mediaType, content) in response.Content!)
                {
                    first.Content!.Add(mediaType, content);
                }
            }
        }
    }

    private static void AddExamples(OpenApiMediaType content, JsonNode? examples)
    {
        foreach (var (name, example) in examples?.AsObject() ?? [])
        {
            (content.Examples ??= new Dictionary<string, IOpenApiExample>(StringComparer.Ordinal))[name] = new OpenApiExample
            {
                Summary = example!["summary"]?.GetValue<string>() ?? "An answer",
                Value = example["value"]!.DeepClone(),
            };
        }
    }

    /// <summary>The names of a stream's events, beside the schema of their data.</summary>
    private static void AddEvents(OpenApiMediaType content, Type? contract)
    {
        var events = contract?.GetCustomAttributes(typeof(EventAttribute), inherit: false).Cast<EventAttribute>().ToList() ?? [];
        if (events.Count == 0)
        {
            return;
        }

        content.Extensions ??= new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal);
        content.Extensions["x-events"] = new JsonNodeExtension(
            new JsonArray([
                .. events.Select(item =>
                {
                    var described = new JsonObject();
                    if (item.Name is { } name)
                    {
                        described["event"] = name;
                    }

                    if (item.Text is { } text)
                    {
                        described["text"] = text;
                    }
                    else
                    {
                        described["schema"] = new JsonObject { ["$ref"] = $"#/components/schemas/{item.Data!.Name}" };
                    }

                    return described;
                }),
            ])
        );
    }
}
