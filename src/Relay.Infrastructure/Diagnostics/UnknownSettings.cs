using Microsoft.Extensions.Configuration;
using Relay.Application.Configuration;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Finds misspelt settings.</summary>
public static class UnknownSettings
{
    /// <summary>Settings of earlier versions, and their replacements.</summary>
    private static readonly Dictionary<string, string> Removed = new(StringComparer.OrdinalIgnoreCase)
    {
        ["WARM_PROFILES_PER_KEY"] = "one key has at most half of WARM_PROFILES",
        ["WARM_IDLE"] = "a key's spare that was unused for ten minutes ends",
        ["WRITE_TIMEOUT"] = "a client that leaves a piece of a stream unread for ten seconds is cut off",
        ["IDEMPOTENCY_MAX_BYTES"] = "at most 100 MB of answers are kept for their Idempotency-Key",
        ["STATE_FAILURE"] = "while the shared state can't be reached, requests that spend are refused",
        ["IGNORE_UNSUPPORTED"] =
            "the OpenAI and Anthropic routes always take fields without effect, and name them in the header X-Relay-Ignored",
    };

    /// <summary>The reason why a name is no longer a setting; null for a name that never was one.</summary>
    public static string? FindReason(string name) => Removed.GetValueOrDefault(name);

    /// <summary>
    /// An unknown name as it may be shown. Only a name that looks like a setting is shown. Anything else may be the second line of a
    /// wrapped token, or hold letters that control a terminal.
    /// </summary>
    public static string Shown(string name) =>
        name.Length > 0 && name.All(letter => char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter) || letter == '_')
            ? name
            : $"A name of {name.Length} characters (***)";

    /// <summary>The names that are neither settings nor variables for Claude Code.</summary>
    /// <param name="names">Names from the file or the command line, where every name is meant for the relay.</param>
    /// <param name="settings">All settings.</param>
    /// <param name="configuration">The configuration, for <c>CLAUDE_PASS_ENV</c>: the options with that setting may be invalid.</param>
    public static IEnumerable<string> Find(
        IEnumerable<string> names,
        IEnumerable<SettingDescription> settings,
        IConfiguration configuration
    )
    {
        var passed = (configuration["CLAUDE_PASS_ENV"] ?? string.Empty).Split(
            ',',
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
        );
        var known = settings
            .Select(setting => setting.Name)
            .Concat(passed)
            .Concat(ClaudeEnvironment.CredentialVariables)
            .Append("RELAY_HOME")
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return names.Where(name => !known.Contains(name)).Distinct(StringComparer.OrdinalIgnoreCase);
    }
}
