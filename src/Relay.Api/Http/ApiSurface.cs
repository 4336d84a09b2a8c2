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
