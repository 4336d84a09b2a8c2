using System.Text.Json;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>The tokens of a login. Print as <c>***</c>.</summary>
/// <param name="AccessToken">The token that requests carry; null when the file holds none.</param>
/// <param name="ExpiresAt">End of that token, UTC; null when the file does not say.</param>
/// <param name="EndsAt">End of the login, UTC: it can't be renewed after that. Null when the file does not say.</param>
internal sealed record LoginTokens(string? AccessToken, DateTimeOffset? ExpiresAt, DateTimeOffset? EndsAt)
{
    public override string ToString() => "***";
}

/// <summary>The file of a login with <c>CLAUDE_AUTH=login</c>, in the form in which Claude Code writes it (measured on 2.1.330).</summary>
internal sealed class LoginFile(ClaudeEnvironment environment)
{
    private const string FileName = ".credentials.json";

    /// <summary>The directory of the login; null in other modes.</summary>
    public string? Directory => environment.LoginDirectory;

    /// <summary>Time of the file's last change; the default when there is no file.</summary>
    public DateTime ModifiedAt => FilePath is { } path && File.Exists(path) ? File.GetLastWriteTimeUtc(path) : default;

    /// <summary>Reads the tokens; null when there is no file, or none that can be read.</summary>
    public LoginTokens? Read()
    {
        try
        {
            if (FilePath is not { } path || !File.Exists(path))
            {
                return null;
            }

            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.Member("claudeAiOauth") is not { } login)
            {
                return null;
            }

            var expiresAt = ToTime(login.Number("expiresAt"));
            var isRenewable = !string.IsNullOrEmpty(login.Text("refreshToken"));
            return new LoginTokens(
                login.Text("accessToken"),
                expiresAt,
                isRenewable ? ToTime(login.Number("refreshTokenExpiresAt")) : expiresAt
            );
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // Claude Code may be writing it. A login that stays unreadable is reported as missing.
        }
    }

    private string? FilePath => Directory is { } directory ? Path.Combine(directory, FileName) : null;

    private static DateTimeOffset? ToTime(long? milliseconds) =>
        milliseconds is { } time and >= 0 and < 253_402_300_800_000 ? DateTimeOffset.FromUnixTimeMilliseconds(time) : null;
}
