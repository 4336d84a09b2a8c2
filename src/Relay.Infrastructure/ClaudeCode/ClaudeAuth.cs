namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The account that pays.</summary>
public enum ClaudeAuth
{
    /// <summary>A login in a Claude configuration directory.</summary>
    Login,

    /// <summary>A token of <c>claude setup-token</c>.</summary>
    OauthToken,

    /// <summary>An Anthropic API key.</summary>
    ApiKey,

    /// <summary>Amazon Bedrock.</summary>
    Bedrock,

    /// <summary>Google Vertex AI.</summary>
    Vertex,
}
