using System.Globalization;
using System.Text.Json;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>
/// Keeps a Claude Code process unable to act: by the constant arguments that it is started with, and by the check of the <c>init</c>
/// frame in which it tells its abilities. Every difference between that frame and the expected one is a violation.
/// </summary>
internal static class ClaudeLockdown
{
    private const string PermissionMode = "default";

    /// <summary>The one allowed tool, with which an answer that must fit a schema is handed in. It does nothing.</summary>
    public const string SchemaTool = "StructuredOutput";

    /// <summary>Most tries at an answer that fits a schema. Claude Code tells the model each mistake (2.1.330: a call each).</summary>
    public const int SchemaAttempts = 3;

    /// <summary>
    /// The arguments of a process. All are constant but the model and whether there is a schema; no byte of a caller stands here. The API's
    /// events are written as frames only where the gate does not see them.
    /// </summary>
    public static IReadOnlyList<string> Arguments(string model, bool takesSchema = false, bool tellsEvents = true) =>
        [
            "-p",
            "--input-format",
            "stream-json",
            "--output-format",
            "stream-json",
            "--verbose",
            .. tellsEvents ? ["--include-partial-messages"] : Array.Empty<string>(),
            "--tools",
            string.Empty,
            "--restricted",
            "--disable-slash-commands",
            "--setting-sources",
            string.Empty,
            "--strict-mcp-config",
            "--mcp-config",
            """{"mcpServers":{}}""",
            "--no-session-persistence",
            "--max-turns",
            takesSchema ? SchemaAttempts.ToString(CultureInfo.InvariantCulture) : "1",
            "--model",
            model,
        ];

    /// <summary>The violation in an <c>init</c> frame, in words without a caller's data; null for none.</summary>
    public static string? FindViolation(JsonElement init, Version version, bool takesSchema = false)
    {
        foreach (var list in (string[])["tools", "mcp_servers", "slash_commands", "skills"])
        {
            if (init.Member(list) is not { ValueKind: JsonValueKind.Array } items)
            {
                return $"init has no list '{list}'";
            }

            if (items.GetArrayLength() > 0 && !(takesSchema && list == "tools" && HasSchemaTool(init)))
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

    /// <summary>Whether the tool for a schema is the only one. It is missing when the schema is invalid.</summary>
    public static bool HasSchemaTool(JsonElement init) =>
        init.Member("tools") is { ValueKind: JsonValueKind.Array } tools
        && tools.GetArrayLength() == 1
        && tools[0].ValueKind == JsonValueKind.String
        && tools[0].ValueEquals(SchemaTool);

    /// <summary>The version at the start of a text such as <c>2.1.330 (Claude Code)</c>; null when there is none.</summary>
    public static Version? ParseVersion(string? text) => Version.TryParse(text?.Split(' ', 2)[0], out var version) ? version : null;
}
