using System.Text.Json;
using Microsoft.Extensions.Logging;
using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Whether Anthropic takes the login, as completions find out: no call is made to learn it. Requests go on being tried, because only
/// they can show that the login works again.
/// </summary>
internal sealed class LoginHealth(ClaudeEnvironment environment, TimeProvider clock, ILogger<LoginHealth> logger)
{
    private const string CredentialsFile = ".credentials.json";

    /// <summary>A relay that is asked for nothing while it is not ready would never learn better.</summary>
    private static readonly TimeSpan DoubtTime = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private long? _refusedAt;
    private DateTime _refusedFile;
    private bool _isReported;

    /// <summary>The refusal of the last minute; null when there was none, when a completion has succeeded since, or when the login is another one.</summary>
    public RelayError? Problem
    {
        get
        {
            lock (_lock)
            {
                return _refusedAt is { } at && clock.GetElapsedTime(at) < DoubtTime && _refusedFile == ModifiedAt ? ClaudeFailures.NotLoggedIn : null;
            }
        }
    }

    /// <summary>
    /// When the login ends and has to be made again; null when its file does not say, or there is none. A token that Claude Code
    /// renews by itself is no end.
    /// </summary>
    public DateTimeOffset? EndsAt
    {
        get
        {
            try
            {
                if (FilePath is not { } path || !File.Exists(path))
                {
                    return null;
                }

                using var document = JsonDocument.Parse(File.ReadAllBytes(path));
                return document.RootElement.Member("claudeAiOauth") is { } login
                    && login.Number(string.IsNullOrEmpty(login.Text("refreshToken")) ? "expiresAt" : "refreshTokenExpiresAt") is { } milliseconds and >= 0 and < 253_402_300_800_000
                        ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
                        : null;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
            {
                return null; // The self-test tells of a login that can't be read.
            }
        }
    }

    /// <summary>Anthropic refused the login of a completion (401).</summary>
    public void Refused()
    {
        lock (_lock)
        {
            (_refusedAt, _refusedFile) = (clock.GetTimestamp(), ModifiedAt);
            if (_isReported)
            {
                return;
            }

            _isReported = true;
        }

        logger.LogError("Anthropic refuses the login of Claude Code (401), so the relay is not ready. Log in again with 'relayctl login', or replace the token in config.env");
    }

    /// <summary>A completion was answered.</summary>
    public void Accepted()
    {
        lock (_lock)
        {
            _refusedAt = null;
            if (!_isReported)
            {
                return;
            }

            _isReported = false;
        }

        logger.LogInformation("Anthropic takes the login of Claude Code again");
    }

    private string? FilePath => environment.LoginDirectory is { } directory ? Path.Combine(directory, CredentialsFile) : null;

    private DateTime ModifiedAt => FilePath is { } path ? File.GetLastWriteTimeUtc(path) : default;
}
