using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Relay.Api.Hosting;
using Relay.Api.OpenApi;

namespace Relay.OpenApiTests;

/// <summary>The description of the API as this build makes it, and the routes that it describes.</summary>
internal static class GeneratedDescription
{
    private static readonly Lazy<(string Json, IReadOnlyList<RouteEndpoint> Routes)> Read = new(Make);

    /// <summary>The document.</summary>
    public static string Json => Read.Value.Json;

    /// <summary>Every route of the relay.</summary>
    public static IReadOnlyList<RouteEndpoint> Routes => Read.Value.Routes;

    /// <summary>A relay that is put together and never started.</summary>
    private static (string, IReadOnlyList<RouteEndpoint>) Make()
    {
        var home = Directory.CreateTempSubdirectory("relay-description-");
        try
        {
            var app = RelayHost.Build(["--relay-home", home.FullName, "--log-level", "error"]);
            var documents = app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DescriptionSetup.Name);
            var json = ServedDescription.WriteAsync(documents, CancellationToken.None).GetAwaiter().GetResult().ToJsonString();
            return (json, [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()]);
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }
}
