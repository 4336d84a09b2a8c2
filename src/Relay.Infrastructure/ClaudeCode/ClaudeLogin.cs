using System.Collections;
using System.ComponentModel;
using Relay.Application.Diagnostics;
using Relay.Domain;
using Relay.Infrastructure.Home;
using Relay.Infrastructure.Processes;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Runs <c>claude auth login</c> in the operator's terminal, with the relay's own configuration directory. A first login is made beside
/// that directory and moved there when it is good, because the relay uses the directory as soon as it exists.
/// </summary>
internal sealed class ClaudeLogin(ClaudeLocator locator, LoginStatusReader status, RelayHome home) : IClaudeLogin
{
    public bool IsInteractive => InteractiveProcess.HasTerminal;

    public async Task<Result<ClaudeLoginStatus>> LogInAsync(CancellationToken cancellationToken)
    {
        if (!locator.Find().TryGet(out var binary, out var missing))
        {
            return missing;
        }

        // On macOS the keychain knows a login by its directory's path. The path of an existing login must not change.
        var isFirst = !Directory.Exists(home.ClaudeDirectory);
        var directory = isFirst && !OperatingSystem.IsMacOS() ? home.ClaudeDirectory + ".new" : home.ClaudeDirectory;
        var isGood = false;
        try
        {
            RelayHome.CreatePrivateDirectory(directory);
            var environment = EnvironmentFor(directory);
            var exitCode = await InteractiveProcess.RunAsync(
                new ProcessSpec(binary.Path, ["auth", "login"], environment, home.Path),
                cancellationToken
            );
            var found = await status.ReadAsync(
                new ProcessSpec(binary.Path, LoginStatusReader.Arguments, environment, home.Path),
                cancellationToken
            );
            if (found is not { LoggedIn: true })
            {
                return new RelayError(
                    ErrorCode.NotLoggedIn,
                    exitCode == 0
                        ? "Claude Code says that it is not logged in. Try again."
                        : $"The login ended with exit code {exitCode}, and Claude Code says that it is not logged in. Try again."
                );
            }

            if (directory != home.ClaudeDirectory)
            {
                Directory.Move(directory, home.ClaudeDirectory);
            }

            isGood = true;
            return found;
        }
        catch (Win32Exception exception)
        {
            return new RelayError(ErrorCode.ClaudeMissing, $"{binary.Path} can't be started: {exception.Message}");
        }
        finally
        {
            if (isFirst && !isGood && Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
    }

    /// <summary>The operator's environment: a login needs a terminal and a browser. Variables of other accounts are left out.</summary>
    private static Dictionary<string, string> EnvironmentFor(string directory)
    {
        var environment = Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Select(variable => KeyValuePair.Create((string)variable.Key, (string?)variable.Value ?? string.Empty))
            .Where(variable =>
                !variable.Key.StartsWith("ANTHROPIC", StringComparison.OrdinalIgnoreCase)
                && !variable.Key.StartsWith("CLAUDE", StringComparison.OrdinalIgnoreCase)
            )
            .ToDictionary(StringComparer.Ordinal);
        environment["CLAUDE_CONFIG_DIR"] = directory;
        environment["DISABLE_AUTOUPDATER"] = "1";
        return environment;
    }
}
