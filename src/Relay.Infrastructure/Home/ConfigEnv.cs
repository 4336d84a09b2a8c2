using Microsoft.Extensions.Configuration;
using Relay.Application.Configuration;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.Home;

/// <summary>
/// Reads <c>config.env</c>: <c>NAME=value</c> lines, <c>#</c> comments, an optional <c>export</c>, and quotes around a value.
/// Nothing is expanded.
/// </summary>
public static class ConfigEnv
{
    /// <summary>Adds the file as a configuration source; a missing file adds nothing.</summary>
    /// <exception cref="FormatException">A line is none of the above; says which.</exception>
    public static IConfigurationBuilder AddConfigEnv(this IConfigurationBuilder builder, string path) =>
        builder.AddInMemoryCollection(File.Exists(path) ? Parse(File.ReadLines(path), path) : []);

    /// <summary>Which of these names are neither settings nor handed on to Claude Code.</summary>
    /// <param name="names">From the file or the command line, where every name is meant for the relay.</param>
    /// <param name="settings">All settings there are.</param>
    /// <param name="configuration">Asked for <c>CLAUDE_PASS_ENV</c>: the options it belongs to may be among those that are not valid.</param>
    public static IEnumerable<string> FindUnknown(IEnumerable<string> names, IEnumerable<SettingDescription> settings, IConfiguration configuration)
    {
        var passed = (configuration["CLAUDE_PASS_ENV"] ?? string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var known = settings.Select(setting => setting.Name).Concat(passed).Concat(ClaudeEnvironment.CredentialVariables).Append("RELAY_HOME").ToHashSet(StringComparer.OrdinalIgnoreCase);
        return names.Where(name => !known.Contains(name)).Distinct(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The values of the lines; a later line wins.</summary>
    internal static Dictionary<string, string?> Parse(IEnumerable<string> lines, string path)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (index, raw) in lines.Index())
        {
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (line.StartsWith("export ", StringComparison.Ordinal))
            {
                line = line["export ".Length..].TrimStart();
            }

            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
            {
                throw new FormatException($"{path}, line {index + 1}: expected NAME=value.");
            }

            var value = line[(equals + 1)..].Trim();
            if (value.Length >= 2 && value[0] == value[^1] && value[0] is '"' or '\'')
            {
                value = value[1..^1];
            }

            values[line[..equals].TrimEnd()] = value;
        }

        return values;
    }
}
