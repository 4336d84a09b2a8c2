using Relay.Domain;

namespace Relay.Application.Diagnostics;

/// <summary>Makes a Claude login for the relay alone, apart from the user's.</summary>
public interface IClaudeLogin
{
    /// <summary>Whether a person can type in this terminal.</summary>
    bool IsInteractive { get; }

    /// <summary>
    /// Runs the login of Claude Code in this terminal, into the relay's own directory. A first login that fails leaves nothing behind.
    /// </summary>
    /// <param name="cancellationToken">Ends Claude Code.</param>
    /// <returns>
    /// Claude Code's report of the login, or <see cref="ErrorCode.ClaudeMissing"/> or <see cref="ErrorCode.NotLoggedIn"/>.
    /// </returns>
    Task<Result<ClaudeLoginStatus>> LogInAsync(CancellationToken cancellationToken);
}

/// <summary>Claude Code's report of its login.</summary>
/// <param name="LoggedIn">Whether it has a login.</param>
/// <param name="Method">The kind of login, in its words: <c>claude.ai</c>, <c>api_key</c>, <c>oauth_token</c>, <c>none</c>.</param>
public sealed record ClaudeLoginStatus(bool LoggedIn, string Method);
