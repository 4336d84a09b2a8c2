using System.Globalization;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>The parts of <c>STATE</c>. Prints its hosts only, because the other parts may be a password.</summary>
internal sealed record RedisAddress(IReadOnlyList<(string Host, int Port)> Hosts, bool IsTls, string? User, string? Password, int Database)
{
    private const int DefaultPort = 6379;
    private const string Form =
        "must be 'local' or redis://[user:password@]host[:port][,host[:port]…][/database], or the same with rediss://; signs in a "
        + "password are percent-encoded.";

    /// <summary>The hosts, for people.</summary>
    public override string ToString() => string.Join(',', Hosts.Select(host => $"{host.Host}:{host.Port}"));

    /// <summary>Reads the text of <c>STATE</c>.</summary>
    /// <returns>The address, or a sentence on the mistake that holds nothing of the text.</returns>
    public static (RedisAddress? Address, string? Problem) Parse(string text)
    {
        var (isTls, rest) = text switch
        {
            _ when text.StartsWith("redis://", StringComparison.OrdinalIgnoreCase) => (false, text["redis://".Length..]),
            _ when text.StartsWith("rediss://", StringComparison.OrdinalIgnoreCase) => (true, text["rediss://".Length..]),
            _ => (false, null),
        };
        if (rest is null || rest.AsSpan().ContainsAny(" \t?#"))
        {
            return (null, Form);
        }

        string? user = null,
            password = null;
        if (rest.LastIndexOf('@') is >= 0 and var at)
        {
            var login = rest[..at].Split(':', 2);
            (user, password) =
                login.Length == 2
                    ? (Uri.UnescapeDataString(login[0]), Uri.UnescapeDataString(login[1]))
                    : (null, Uri.UnescapeDataString(login[0]));
            rest = rest[(at + 1)..];
        }

        var parts = rest.Split('/', 2);
        var database = 0;
        if (
            parts.Length == 2
            && parts[1].Length > 0
            && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out database)
        )
        {
            return (null, Form);
        }

        var hosts = new List<(string, int)>();
        foreach (var host in parts[0].Split(','))
        {
            if (ParseHost(host) is not { } parsed)
            {
                return (null, Form);
            }

            hosts.Add(parsed);
        }

        return (
            new RedisAddress(
                hosts,
                isTls,
                string.IsNullOrEmpty(user) ? null : user,
                string.IsNullOrEmpty(password) ? null : password,
                database
            ),
            null
        );
    }

    /// <summary>The options with which the client connects.</summary>
    public ConfigurationOptions ToOptions()
    {
        var options = new ConfigurationOptions
        {
            Ssl = IsTls,
            User = User,
            Password = Password,
            DefaultDatabase = Database,
        };
        foreach (var (host, port) in Hosts)
        {
            options.EndPoints.Add(host, port);
        }

        return options;
    }

    private static (string Host, int Port)? ParseHost(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : text.IndexOf(':', StringComparison.Ordinal) - 1;
        var host = end >= 0 ? text[..(end + 1)] : text;
        var port = text[host.Length..];
        host = host.Trim('[', ']');
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
        {
            return null;
        }

        return port.Length == 0 ? (host, DefaultPort)
            : port[0] == ':'
            && int.TryParse(port.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number is > 0 and <= 65535
                ? (host, number)
            : null;
    }
}
