using Microsoft.Extensions.Configuration;

namespace Relay.Infrastructure.Home;

/// <summary>
/// Reads <c>config.env</c>: <c>NAME=value</c> lines, <c>#</c> comments, an optional <c>export</c>, and quotes around a value.
/// Nothing is expanded.
/// </summary>
public static class ConfigEnv
{
    /// <summary>Adds the file, as it is now, as a configuration source; a missing file adds nothing.</summary>
    /// <exception cref="FormatException">A line has another form; the message says which.</exception>
    public static IConfigurationBuilder AddConfigEnv(this IConfigurationBuilder builder, string path) =>
        builder.Add(new ConfigEnvSource(path));

    /// <summary>The values of a file; no values for a missing file.</summary>
    /// <exception cref="FormatException">A line has another form; the message says which.</exception>
    /// <exception cref="IOException">The file can't be read, or is not a regular file.</exception>
    internal static Dictionary<string, string?> Read(string path) => Parse(RegularFile.ReadLines(path), path);

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

/// <summary>A <c>config.env</c> among the configuration's sources.</summary>
internal sealed class ConfigEnvSource(string path) : IConfigurationSource
{
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new ConfigEnvProvider(path);
}
