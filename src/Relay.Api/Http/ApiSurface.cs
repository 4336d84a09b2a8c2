namespace Relay.Api.Http;

/// <summary>Whose words a route speaks.</summary>
internal enum ApiSurface
{
    /// <summary>The relay's own.</summary>
    Native,

    /// <summary>OpenAI's, as its SDKs expect them.</summary>
    OpenAi,

    /// <summary>Anthropic's.</summary>
    Anthropic,
}

/// <summary>On routes that speak one API's words, whoever asks. The list of models is for the clients of all.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SpeaksAttribute(ApiSurface surface) : Attribute
{
    /// <summary>Whose.</summary>
    public ApiSurface Surface { get; } = surface;
}

internal static class RequestedSurface
{
    /// <summary>
    /// The route's; where it has none, or no route is known (yet), Anthropic's for its SDKs, which say so, and the relay's own for all
    /// others.
    /// </summary>
    public static ApiSurface Surface(this HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<SpeaksAttribute>()?.Surface
        ?? (context.Request.Headers.ContainsKey("anthropic-version") ? ApiSurface.Anthropic : ApiSurface.Native);
}
