using System.Net;
using Microsoft.Extensions.Options;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Fetching;

namespace Relay.Api.Hosting;

/// <summary>
/// Answers only to its own names. A page on another name that was made to resolve to this machine (DNS rebinding) gets 421 before the
/// rest of its request is read.
/// </summary>
internal sealed class HostFilter
{
    private static readonly RelayError WrongHost = new(
        ErrorCode.WrongHost,
        "This relay does not answer to the name in the Host header. Its operator can add it to ALLOWED_HOSTS."
    );

    private readonly HashSet<string> _allowed;

    public HostFilter(IOptions<ServerOptions> options)
    {
        var server = options.Value;
        var own = IPAddress.Parse(server.Host);
        _allowed = new HashSet<string>(server.AllowedHosts.Select(AsInHeader), StringComparer.OrdinalIgnoreCase);
        if (!own.Equals(IPAddress.Any) && !own.Equals(IPAddress.IPv6Any))
        {
            _allowed.Add(AsInHeader(own.ToString()));
        }

        if (server.NgrokDomain is { Length: > 0 } tunnel)
        {
            _allowed.Add(AsInHeader(tunnel));
        }
    }

    /// <summary>A host in the form of the header: an IPv6 address in brackets; a name in ASCII, without a dot at its end.</summary>
    private static string AsInHeader(string host) =>
        Uri.CheckHostName(host) == UriHostNameType.IPv6 && !host.StartsWith('[') ? $"[{host}]" : HostName.Read(host) ?? host.TrimEnd('.');

    /// <summary>The host as the request named it. The framework's own reading decodes Punycode, and throws for a wrong one.</summary>
    public static string HostOf(HttpRequest request) => new HostString(request.Headers.Host.ToString()).Host.TrimEnd('.');

    /// <summary>Passes the request on, or answers 421.</summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next) =>
        _allowed.Contains(HostOf(context.Request)) ? next(context) : ErrorResponse.WriteAsync(context, WrongHost);
}
