using System.Net;
using System.Text;
using Microsoft.Extensions.Options;
using Relay.Domain.Fetching;

namespace Relay.Application.Serving;

internal sealed class ServerOptionsValidator : IValidateOptions<ServerOptions>
{
    public ValidateOptionsResult Validate(string? name, ServerOptions options)
    {
        var problems = new List<string>();
        if (!IPAddress.TryParse(options.Host, out var address))
        {
            problems.Add($"HOST: '{options.Host}' is not an IP address.");
        }
        else if (!IPAddress.IsLoopback(address) && !options.AllowRemote)
        {
            problems.Add(
                $"HOST: {address} is reachable from other machines. Set ALLOW_REMOTE=true if that is meant, and put TLS in front."
            );
        }

        problems.AddRange(
            options
                .AllowedHosts.Append(options.NgrokDomain ?? "localhost")
                .Where(host => !CanBeSent(host))
                .Select(host => $"ALLOWED_HOSTS: '{host}' is not the name of a host: no scheme, no port, no path.")
        );
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    /// <summary>
    /// Whether a host's name has an ASCII form. Clients send an international name in ASCII, so a name without such a form would never
    /// match.
    /// </summary>
    private static bool CanBeSent(string host) =>
        Uri.CheckHostName(host.Trim('[', ']')) != UriHostNameType.Unknown && (Ascii.IsValid(host) || HostName.Read(host) is not null);
}
