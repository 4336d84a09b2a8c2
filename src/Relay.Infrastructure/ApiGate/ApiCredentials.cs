using System.ComponentModel;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.ApiGate;

/// <summary>The credential that the gate puts into a request on its way out. Claude Code holds a placeholder.</summary>
internal sealed class ApiCredentials(
    IOptions<ClaudeCodeOptions> options,
    LoginFile login,
    LoginRenewal renewal,
    TimeProvider clock,
    ILogger<ApiCredentials> logger
) : IDisposable
{
    /// <summary>Claude Code's stand-in for a key or a token. It opens nothing.</summary>
    public const string Placeholder = "sk-ant-placeholder-of-the-relay";

    /// <summary>Claude Code itself renews a token that ends within five minutes (measured on 2.1.330).</summary>
    private static readonly TimeSpan RenewalMargin = TimeSpan.FromMinutes(5);

    /// <summary>A renewal that failed is tried again no sooner than after this pause.</summary>
    private static readonly TimeSpan RenewalPause = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _renewing = new(1, 1);
    private (DateTime ModifiedAt, LoginTokens? Tokens) _read;
    private long? _renewalFailedAt;

    public bool IsPresent =>
        options.Value.Auth switch
        {
            ClaudeAuth.ApiKey => !string.IsNullOrEmpty(options.Value.ApiKey),
            ClaudeAuth.OauthToken => !string.IsNullOrEmpty(options.Value.OAuthToken),
            _ => login.Read() is { AccessToken.Length: > 0 },
        };

    /// <summary>
    /// The header's name and value; null when there is no credential, or only a login that has ended and could not be renewed. Waits for
    /// the renewal of a login that is about to end.
    /// </summary>
    public async ValueTask<KeyValuePair<string, string>?> GetHeaderAsync(CancellationToken cancellationToken) =>
        options.Value.Auth switch
        {
            ClaudeAuth.ApiKey when options.Value.ApiKey is { Length: > 0 } key => KeyValuePair.Create("x-api-key", key),
            ClaudeAuth.OauthToken when options.Value.OAuthToken is { Length: > 0 } token => Bearer(token),
            ClaudeAuth.Login when await GetTokenAsync(cancellationToken) is { } token => Bearer(token),
            _ => null,
        };

    public void Dispose() => _renewing.Dispose();

    private static KeyValuePair<string, string> Bearer(string token) => KeyValuePair.Create("Authorization", $"Bearer {token}");

    private async ValueTask<string?> GetTokenAsync(CancellationToken cancellationToken)
    {
        var tokens = Read();
        if (tokens is not null && !IsEnding(tokens))
        {
            return tokens.AccessToken;
        }

        if (tokens is not null)
        {
            await RenewAsync(cancellationToken);
            tokens = Read();
        }

        return tokens?.ExpiresAt <= clock.GetUtcNow() ? null : tokens?.AccessToken;
    }

    /// <summary>Renews the login, one renewal at a time: a refresh token works once.</summary>
    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        await _renewing.WaitAsync(cancellationToken);
        try
        {
            if (Read() is not { } tokens || !IsEnding(tokens) || (_renewalFailedAt is { } at && clock.GetElapsedTime(at) < RenewalPause))
            {
                return;
            }

            // Not the caller's token: a renewal that is broken off loses the login.
            await renewal.RunAsync(CancellationToken.None);
            if (Read() is { } renewed && !IsEnding(renewed))
            {
                _renewalFailedAt = null;
                logger.LogInformation("The login was renewed");
                return;
            }

            Fail("Claude Code did not renew it");
        }
        catch (Exception exception) when (exception is Win32Exception or IOException or UnauthorizedAccessException)
        {
            Fail(exception.Message);
        }
        finally
        {
            _renewing.Release();
        }
    }

    private void Fail(string reason)
    {
        if (_renewalFailedAt is null)
        {
            logger.LogError(
                "The login could not be renewed: {Reason}. Check the way to platform.claude.com, or run 'relayctl login'",
                reason
            );
        }

        _renewalFailedAt = clock.GetTimestamp();
    }

    private bool IsEnding(LoginTokens tokens) => tokens.ExpiresAt - clock.GetUtcNow() < RenewalMargin;

    private LoginTokens? Read()
    {
        var read = _read;
        var modifiedAt = login.ModifiedAt;
        if (read.Tokens is null || read.ModifiedAt != modifiedAt)
        {
            _read = read = (modifiedAt, login.Read());
        }

        return read.Tokens;
    }
}
