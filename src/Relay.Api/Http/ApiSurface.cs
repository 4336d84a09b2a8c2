namespace Relay.Api.Http;

/// <summary>The API whose format a route speaks.</summary>
internal enum ApiSurface
{
    /// <summary>The relay's own format.</summary>
    Native,

    /// <summary>OpenAI's format, as its SDKs expect it.</summary>
    OpenAi,

    /// <summary>Anthropic's format.</summary>
    Anthropic,
}

/// <summary>Marks routes that speak one API's format for every caller. The list of models is for the clients of all APIs.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SpeaksAttribute(ApiSurface surface) : Attribute
{
    public ApiSurface Surface { get; } = surface;
}

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
