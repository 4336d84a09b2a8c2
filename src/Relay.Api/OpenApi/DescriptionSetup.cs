using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.OpenApi;
using Relay.Domain;

namespace Relay.Api.OpenApi;

/// <summary>
/// The description of the API. <c>Microsoft.AspNetCore.OpenApi</c> makes it of the controllers and contracts, and the transformers here
/// add the rest. It is made at the first request, so that a start of the relay does not pay for it.
/// </summary>
internal static class DescriptionSetup
{
    public const string Name = "v1";

    public static void AddRelayDescription(this IMvcCoreBuilder mvc)
    {
        var services = mvc.AddApiExplorer().Services;
        services.ConfigureHttpJsonOptions(json => JsonContract.Configure(json.SerializerOptions));
        services.AddSingleton<ServedDescription>().AddSingleton<DocsFiles>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IApiDescriptionProvider, DescribedRoutes>());
        services.Configure<MvcOptions>(options => options.Conventions.Add(new VisibleRoutes()));
        services.AddOpenApi(
            Name,
            options =>
            {
                options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
                options.CreateSchemaReferenceId = type =>
                    type.Type == typeof(System.Text.Json.JsonElement) || type.Type == typeof(ReadOnlyMemory<byte>?)
                        ? null
                        : OpenApiOptions.CreateDefaultSchemaReferenceId(type);
                options.AddSchemaTransformer<ContractSchemas>();
                options.AddOperationTransformer<AnswerTransformer>();
                options.AddDocumentTransformer(
                    (document, _, _) =>
                    {
                        Complete(document);
                        return Task.CompletedTask;
                    }
                );
            }
        );
    }

    /// <summary>Adds introduction, tags and keys, and the answers to requests that reach no route.</summary>
    private static void Complete(OpenApiDocument document)
    {
        var head = DocumentParts.ReadHead();
        document.Info = head.Info;
        document.Info.Version = typeof(DescriptionSetup).Assembly.GetName().Version!.ToString(3);
        document.Servers = head.Servers;
        document.Tags = head.Tags;
        document.Components!.SecuritySchemes = head.Components!.SecuritySchemes;
        var unmatched = new JsonObject();
        var route = new RouteFacts(
            new ApiDescription
            {
                ActionDescriptor = new() { EndpointMetadata = [new Microsoft.AspNetCore.Authorization.AllowAnonymousAttribute()] },
            }
        );
        foreach (var code in (ErrorCode[])[ErrorCode.NotFound, ErrorCode.MethodNotAllowed, ErrorCode.WrongHost])
        {
            var status = ErrorResponse.StatusOf(code);
            var response = RouteErrors.Describe(document, surface: null, [code], []);
            response.Headers = RouteHeaders.Of(document, head, route, status, [code]);
            var shared = SharedResponses.Share(document, $"unmatched.{status}", response);
            unmatched[$"{status}"] = new JsonObject { ["$ref"] = $"#/components/responses/{shared.Reference.Id}" };
        }

        document.AddExtension("x-unmatched", new JsonNodeExtension(unmatched));
    }
}
