using System.Net;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>Reads <c>STATE</c> in the form of StackExchange.Redis. Repeats nothing of it but hosts: the rest may be a password.</summary>
internal static class RedisConfiguration
{
    private const string Form =
        "must be 'local', or hosts and then options of StackExchange.Redis, such as "
        + "redis.internal:6379,ssl=true,user=relay,password=… A password can't have a comma.";

    /// <summary>Reads the text of <c>STATE</c>.</summary>
    /// <returns>The options, or a sentence on the mistake that holds nothing of the text.</returns>
    public static (ConfigurationOptions? Options, string? Problem) Parse(string text)
    {
        if (text.StartsWith("redis://", StringComparison.OrdinalIgnoreCase))
        {
            return (null, "is no longer a URL. Write redis.internal:6379,user=relay,password=… instead of redis://…");
        }

        if (text.StartsWith("rediss://", StringComparison.OrdinalIgnoreCase))
        {
            return (null, "is no longer a URL. Write redis.internal:6379,ssl=true,user=relay,password=… instead of rediss://…");
        }

        // The client takes a text without '=' for a host wherever it stands. Behind the options it is the rest of a password with a comma.
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var hosts = parts.TakeWhile(part => !part.Contains('=', StringComparison.Ordinal)).ToList();
        if (parts.Skip(hosts.Count).Any(part => !part.Contains('=', StringComparison.Ordinal)))
        {
            return (null, Form);
        }

        try
        {
            var options = ConfigurationOptions.Parse(text);
            options.SetDefaultPorts();
            return hosts.Count > 0 && options.EndPoints.Count == hosts.Count && options.EndPoints.All(IsHost)
                ? (options, null)
                : (null, Form);
        }
        catch (ArgumentException)
        {
            // The client's message repeats the option that it does not know.
            return (null, Form);
        }
    }

    /// <summary>The hosts, for people.</summary>
    public static string HostsOf(ConfigurationOptions options) =>
        string.Join(',', options.EndPoints.Select(point => point is DnsEndPoint name ? $"{name.Host}:{name.Port}" : $"{point}"));

    private static bool IsHost(EndPoint point) =>
        point is IPEndPoint || (point is DnsEndPoint name && Uri.CheckHostName(name.Host) != UriHostNameType.Unknown);
}
