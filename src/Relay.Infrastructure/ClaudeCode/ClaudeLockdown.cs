using System.Text.Json;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// What makes a Claude Code process unable to act: the constant arguments it is started with, and the check of the
/// <c>init</c> frame in which it says what it can do. Whatever that frame does not say exactly as expected is a violation.
/// </summary>
internal static class ClaudeLockdown
{
    private const string PermissionMode = "default";

    /// <summary>Everything but the model is constant; no byte of a caller ever stands here.</summary>
    public static IReadOnlyList<string> Arguments(string model) =>
    [
        "-p",
        "--input-format", "stream-json",
        "--output-format", "stream-json",
        "--verbose",
        "--include-partial-messages",
        "--tools", string.Empty,
        "--restricted",
        "--disable-slash-commands",
        "--setting-sources", string.Empty,
        "--strict-mcp-config",
        "--mcp-config", """{"mcpServers":{}}""",
        "--no-session-persistence",
        "--max-turns", "1",
        "--model", model,
    ];

    /// <summary>Null, or what is wrong with an <c>init</c> frame, in words without a caller's data.</summary>
    /// <param name="init">The frame.</param>
    /// <param name="version">The version the self-test found.</param>
    public static string? FindViolation(JsonElement init, Version version)
    {
        foreach (var list in (string[])["tools", "mcp_servers", "slash_commands", "skills"])
        {
            if (init.Member(list) is not { ValueKind: JsonValueKind.Array } items)
            {
                return $"init has no list '{list}'";
            }

            if (items.GetArrayLength() > 0)
            {
                return $"init lists {items.GetArrayLength()} of '{list}'";
            }
        }

        if (init.Member("plugins") is not { ValueKind: JsonValueKind.Array } plugins)
        {
            return "init has no list 'plugins'";
        }

        if (plugins.EnumerateArray().Any(plugin => plugin.Text("path") != "builtin"))
        {
            return "init lists a plugin that is not built in";
        }

        if (init.Text("permissionMode") != PermissionMode)
        {
            return "init shows another permission mode";
        }

        return ParseVersion(init.Text("claude_code_version")) == version ? null : "init shows another version than the one tested";
    }

    /// <summary>The version at the start of a text such as <c>2.1.330 (Claude Code)</c>; null when there is none.</summary>
    public static Version? ParseVersion(string? text) => Version.TryParse(text?.Split(' ', 2)[0], out var version) ? version : null;
}
