using Microsoft.AspNetCore.Routing;
using Relay.OpenApiTests;

namespace Relay.UnitTests.Api.OpenApi;

/// <summary>The description as it is served, and the routes as they are.</summary>
internal static class Documents
{
    /// <summary>The document.</summary>
    public static string Json => GeneratedDescription.Json;

    /// <summary>The document, read.</summary>
    public static ApiDescription Description { get; } = new(Json);

    /// <summary>Every route of the relay.</summary>
    public static IReadOnlyList<RouteEndpoint> Routes => GeneratedDescription.Routes;
}
