using System.Text;
using Microsoft.AspNetCore.Routing;
using Relay.Api.Hosting;
using Relay.Api.OpenApi;
using Relay.OpenApiTests;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The description as it is served, and the routes as they are.</summary>
internal static class Documents
{
    private static readonly ServedDocuments Served = new(new OpenApiDocument());

    /// <summary>The document.</summary>
    public static string Json { get; } = Encoding.UTF8.GetString(Served.Json.Bytes.Span);

    /// <summary>The page.</summary>
    public static string Page { get; } = Encoding.UTF8.GetString(Served.Page.Bytes.Span);

    /// <summary>The document, read.</summary>
    public static ApiDescription Description { get; } = new(Json);

    /// <summary>Every route of the relay.</summary>
    public static IReadOnlyList<RouteEndpoint> Routes { get; } = ReadRoutes();

    private static List<RouteEndpoint> ReadRoutes()
    {
        using var home = new TemporaryHome();
        var app = RelayHost.Build(["--relay-home", home.Home.Path, "--log-level", "error"]);
        return [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];
    }
}
