using Microsoft.Extensions.Options;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The credential that the gate puts into a request on its way out. Claude Code holds a placeholder.</summary>
internal sealed class ApiCredentials(IOptions<ClaudeCodeOptions> options)
{
    /// <summary>Claude Code's stand-in for a key or a token. It opens nothing.</summary>
    public const string Placeholder = "sk-ant-placeholder-of-the-relay";

    /// <summary>The header's name and value; null when there is no credential.</summary>
    public KeyValuePair<string, string>? Header => options.Value.Auth switch
    {
        ClaudeAuth.ApiKey when options.Value.ApiKey is { Length: > 0 } key => KeyValuePair.Create("x-api-key", key),
        ClaudeAuth.OauthToken when options.Value.OAuthToken is { Length: > 0 } token => KeyValuePair.Create("Authorization", $"Bearer {token}"),
        _ => null,
    };
}
