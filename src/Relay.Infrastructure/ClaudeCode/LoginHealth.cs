using Microsoft.Extensions.Logging;
using Relay.Domain;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Tells whether Anthropic accepts the login, from the outcome of completions: no call is made to learn it. Requests are still tried,
/// because only they can show that the login works again.
/// </summary>
internal sealed class LoginHealth(LoginFile file, TimeProvider clock, ILogger<LoginHealth> logger)
{
    /// <summary>The time for which a refusal counts. A relay that never tries again would never learn that the login works.</summary>
    private static readonly TimeSpan DoubtTime = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private long? _refusedAt;
    private DateTime _refusedFile;
    private bool _isReported;

    /// <summary>The refusal of the last minute; null when a completion has succeeded since, or the login is another one.</summary>
    public RelayError? Problem
    {
        get
        {
            lock (_lock)
            {
                return _refusedAt is { } at && clock.GetElapsedTime(at) < DoubtTime && _refusedFile == file.ModifiedAt
                    ? ClaudeFailures.NotLoggedIn
                    : null;
            }
        }
    }

    /// <summary>
    /// The time when the login ends and has to be made again; null when its file does not say, or there is no login. The end of a token
    /// that Claude Code renews by itself does not count.
    /// </summary>
    public DateTimeOffset? EndsAt => file.Read()?.EndsAt;

    public void Refused()
    {
        lock (_lock)
        {
            (_refusedAt, _refusedFile) = (clock.GetTimestamp(), file.ModifiedAt);
            if (_isReported)
            {
                return;
            }

            _isReported = true;
        }

        logger.LogError(
            "Anthropic refuses the login of Claude Code (401), so the relay is not ready. Log in again with 'relayctl login', or replace "
                + "the token in config.env"
        );
    }

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
}
