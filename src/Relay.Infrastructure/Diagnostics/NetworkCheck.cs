using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Application.Timing;
using Relay.Domain.Fetching;
using Relay.Infrastructure.ClaudeCode;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Warns of a resolver that invents addresses, and names the proxy for pages, or one that the relay ignores.</summary>
internal sealed class NetworkCheck(
    IConfiguration configuration,
    IOptions<ClaudeCodeOptions> options,
    IOptions<FetchOptions> fetching,
    TimeProvider clock
) : IDiagnosticCheck
{
    /// <summary>Names that are free for examples and have real addresses.</summary>
    private static readonly string[] KnownNames = ["example.com", "example.org"];

    private static readonly AddressBlock MadeUp = AddressBlock.Parse("198.18.0.0/15");
    private static readonly string[] ProxyVariables = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public DiagnosticArea Area => DiagnosticArea.Machine;

    public string Name => "network";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        var addresses = new List<IPAddress>();
        foreach (var name in KnownNames)
        {
            addresses.AddRange(await ResolveAsync(name, deadline.Token));
        }

        cancellationToken.ThrowIfCancellationRequested();
        return Judge(addresses);
    }

    internal IReadOnlyList<Finding> Judge(IReadOnlyList<IPAddress> addresses)
    {
        var findings = new List<Finding>();
        if (addresses.Count > 0 && addresses.All(MadeUp.Contains))
        {
            findings.Add(
                Finding.Warn(
                    Name,
                    "The resolver of this machine answers with addresses of 198.18.0.0/15, as VPN and proxy programs do. /v1/fetch refuses "
                        + "them, so it can't fetch any page.",
                    "Exclude this machine or the relay's user in that program, or use another resolver."
                )
            );
        }

        if (fetching.Value.Proxy is { } used)
        {
            findings.Add(JudgeProxy(used, canLookUp: addresses.Count > 0));
            return findings;
        }

        if (ProxyVariables.FirstOrDefault(name => !string.IsNullOrEmpty(configuration[name])) is { } proxy)
        {
            findings.Add(
                Finding.Warn(
                    Name,
                    $"{proxy} is set: this machine may reach the web only through a proxy. /v1/fetch does not use it, because that proxy "
                        + $"would choose the addresses.",
                    options.Value.PassEnv.Contains(proxy, StringComparer.OrdinalIgnoreCase)
                        ? "Let this machine reach ports 80 and 443 directly, set FETCH_PROXY, or give keys no scope 'fetch'."
                        : $"Claude Code does not get it either: add it with CLAUDE_PASS_ENV={proxy}. For /v1/fetch let this machine reach "
                            + $"ports 80 and 443 directly, or set FETCH_PROXY."
                )
            );
        }

        if (findings.Count == 0)
        {
            findings.Add(Finding.Pass(Name, "No proxy is set, and the resolver invents no addresses."));
        }

        return findings;
    }

    /// <summary>The relay judges the addresses that it looks up. The proxy looks the name up again, and may get other addresses.</summary>
    private Finding JudgeProxy(Uri proxy, bool canLookUp)
    {
        var place = $"{proxy.Host}:{proxy.Port}";
        const string advice =
            "The proxy looks names up by itself: it must refuse private, loopback, link-local and metadata addresses, its own network, "
            + "and every port but FETCH_PORTS.";
        return canLookUp
            ? Finding.Pass(
                Name,
                $"Pages are fetched through the proxy {place} (FETCH_PROXY). The relay refuses the same addresses as without a proxy."
            ) with
            {
                Advice = advice,
            }
            : Finding.Warn(
                Name,
                $"Pages are fetched through the proxy {place} (FETCH_PROXY). This machine can't look up names of the web: the relay "
                    + $"judges only the URL's text, and only the proxy judges addresses.",
                advice
            );
    }

    private static async Task<IReadOnlyList<IPAddress>> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(name, cancellationToken);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return []; // A machine that can't resolve names of the web has no such resolver.
        }
    }
}
