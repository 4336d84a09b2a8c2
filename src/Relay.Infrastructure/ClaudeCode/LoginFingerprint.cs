using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Tells relays with the same Claude account from those with others, without telling anything of the account. It is a hash of the token
/// or key, or of the account's id, which stays the same when a token is renewed. A login without a known account is shared with no other
/// relay.
/// </summary>
internal sealed class LoginFingerprint(IOptions<ClaudeCodeOptions> options, ClaudeEnvironment environment)
{
    private const string AccountFile = ".claude.json";

    private readonly Lazy<string> _value = new(() =>
        Convert.ToHexStringLower(
            SHA256.HashData(
                Encoding.UTF8.GetBytes(
                    $"claude-relay login\n{options.Value.Auth}\n{options.Value.BaseUrl}\n"
                        + $"{Account(options.Value, environment) ?? Convert.ToHexString(RandomNumberGenerator.GetBytes(16))}"
                )
            )
        )[..32]
    );

    /// <summary>32 hex digits.</summary>
    public string Value => _value.Value;

    private static string? Account(ClaudeCodeOptions options, ClaudeEnvironment environment) =>
        options.Auth switch
        {
            ClaudeAuth.OauthToken => options.OAuthToken,
            ClaudeAuth.ApiKey => options.ApiKey,
            ClaudeAuth.Login => environment.LoginDirectory is { } directory ? AccountOf(directory) : null,
            // The clouds' quotas depend on accounts and regions that only the clouds know.
            _ => null,
        };

    /// <summary>The account in the directory that Claude Code was told to use, or beside its usual one.</summary>
    private static string? AccountOf(string directory)
    {
        foreach (
            var file in (string[])
                [Path.Combine(directory, AccountFile), Path.Combine(Path.GetDirectoryName(directory) ?? directory, AccountFile)]
        )
        {
            try
            {
                if (File.Exists(file))
                {
                    using var document = JsonDocument.Parse(File.ReadAllBytes(file));
                    if (
                        document.RootElement.TryGetProperty("oauthAccount", out var account)
                        && account.ValueKind == JsonValueKind.Object
                        && account.TryGetProperty("accountUuid", out var id)
                        && id.ValueKind == JsonValueKind.String
                    )
                    {
                        return id.GetString();
                    }
                }
            }
            catch (Exception exception)
                when (exception is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
            {
                return null; // Then it is shared with no other relay.
            }
        }

        return null;
    }
}
