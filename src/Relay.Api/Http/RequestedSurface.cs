namespace Relay.Api.Http;

internal static class RequestedSurface
{
    /// <summary>
    /// The API of the route. For a route without one, or before the route is known, it is Anthropic's for its SDKs, which name
    /// themselves, and the relay's own for all others.
    /// </summary>
    public static ApiSurface Surface(this HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<SpeaksAttribute>()?.Surface
        ?? (context.Request.Headers.ContainsKey("anthropic-version") ? ApiSurface.Anthropic : ApiSurface.Native);
}
