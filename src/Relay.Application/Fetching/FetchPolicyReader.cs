using System.Net;
using Relay.Application.Serving;
using Relay.Domain.Fetching;

namespace Relay.Application.Fetching;

/// <summary>Turns the operator's settings into rules.</summary>
internal static class FetchPolicyReader
{
    /// <summary>
    /// The rules of the settings, and a problem for each entry that is not a rule. The relay never fetches its own names, because it would
    /// ask itself. It never fetches the proxy.
    /// </summary>
    public static (FetchPolicy Policy, IReadOnlyList<string> Problems) Read(FetchOptions options, ServerOptions server)
    {
        var problems = new List<string>();
        var ports = new HashSet<int>();
        foreach (var text in options.Ports)
        {
            if (ushort.TryParse(text, out var port) && port > 0)
            {
                ports.Add(port);
            }
            else
            {
                problems.Add($"FETCH_PORTS: '{text}' is not a port.");
            }
        }

        var allowed = new HashSet<string>(StringComparer.Ordinal);
        var endpoints = new HashSet<IPEndPoint>();
        foreach (var text in options.Allow)
        {
            if (ReadTarget(text) is not var (host, port))
            {
                problems.Add($"FETCH_ALLOW: '{text}' is neither host:port nor ip:port.");
                continue;
            }

            allowed.Add($"{host}:{port}");
            if (IPAddress.TryParse(host, out var address))
            {
                endpoints.Add(new IPEndPoint(address, port));
            }
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var blocks = new List<AddressBlock>();
        foreach (var text in options.Deny)
        {
            if (AddressBlock.TryParse(text) is { } block)
            {
                blocks.Add(block);
            }
            else if (ReadDenied(text) is { } name)
            {
                names.Add(name);
            }
            else
            {
                problems.Add($"FETCH_DENY: '{text}' is neither a name, a *.name, an address nor a block of addresses.");
            }
        }

        foreach (
            var own in server
                .AllowedHosts.Append(server.NgrokDomain)
                .Append(server.Host)
                .Append(options.Proxy?.Host.Trim('[', ']'))
                .OfType<string>()
        )
        {
            if (IPAddress.TryParse(own, out var address))
            {
                blocks.Add(new AddressBlock(address, address.GetAddressBytes().Length * 8));
            }
            else if (HostName.Read(own) is { } name)
            {
                // A text that is not a name can't be the host of a URL either.
                names.Add(name);
            }
        }

        return (new FetchPolicy(new FetchRules(ports, allowed, names), new AddressPolicy(endpoints, blocks, options.Nat64)), problems);
    }

    private static (string Host, int Port)? ReadTarget(string text)
    {
        // The target is read like a URL, without the rules that it is an exception to.
        var exact = text.ToLowerInvariant();
        var open = FetchRules.Default with { Allowed = new HashSet<string>(StringComparer.Ordinal) { exact } };
        return
            text.LastIndexOf(':') is > 0 and var colon
            && !text.EndsWith(']')
            && ushort.TryParse(text.AsSpan(colon + 1), out var port)
            && FetchUrl.Parse($"http://{exact}/", open, out _) is { } url
            && url.Port == port
            && exact == $"{url.Host}:{port}"
            ? (url.Host, port)
            : null;
    }

    /// <summary>The name in the form that the rules compare. A name in any other form would deny nothing.</summary>
    private static string? ReadDenied(string text)
    {
        var wildcard = text.StartsWith("*.", StringComparison.Ordinal) ? "*." : string.Empty;
        return HostName.Read(text[wildcard.Length..]) is { } name ? wildcard + name : null;
    }
}
