using Relay.Domain;

namespace Relay.Application.Diagnostics;

/// <summary>Makes a Claude login of the relay's own, apart from the user's.</summary>
public interface IClaudeLogin
{
    /// <summary>Whether somebody can type here.</summary>
    bool IsInteractive { get; }

    /// <summary>
    /// Has Claude Code log in, in this terminal, into the relay's own directory. A first login that fails leaves nothing behind.
    /// </summary>
    /// <param name="cancellationToken">Ends Claude Code.</param>
    /// <returns>
    /// What Claude Code says of the login, or <see cref="ErrorCode.ClaudeMissing"/> or <see cref="ErrorCode.NotLoggedIn"/>.
    /// </returns>
    Task<Result<ClaudeLoginStatus>> LogInAsync(CancellationToken cancellationToken);
}

/// <summary>What Claude Code says of its login.</summary>
/// <param name="LoggedIn">Whether it has one.</param>
/// <param name="Method">How, in its words: <c>claude.ai</c>, <c>api_key</c>, <c>oauth_token</c>, <c>none</c>.</param>
public sealed record ClaudeLoginStatus(bool LoggedIn, string Method);
