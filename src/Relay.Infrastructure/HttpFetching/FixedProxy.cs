using System.Net;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>The operator's proxy, for every URL without exception.</summary>
internal sealed class FixedProxy : IWebProxy
{
    private readonly Uri _address;

    public FixedProxy(Uri proxy)
    {
        _address = new Uri(proxy.GetLeftPart(UriPartial.Scheme) + proxy.Authority[(proxy.Authority.LastIndexOf('@') + 1)..]);
        if (proxy.UserInfo.Split(':', 2) is [{ Length: > 0 } user, .. var password])
        {
            Credentials = new NetworkCredential(
                Uri.UnescapeDataString(user),
                Uri.UnescapeDataString(password is [var secret] ? secret : string.Empty)
            );
        }
    }

    public ICredentials? Credentials { get; set; }

    public Uri GetProxy(Uri destination) => _address;

    public bool IsBypassed(Uri host) => false;
}

/// <summary>Has each request judged before a proxy passes it on.</summary>
internal sealed class JudgedRequests(GuardedConnector connector) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await connector.JudgeForProxyAsync(request, cancellationToken);
        return await base.SendAsync(request, cancellationToken);
    }
}
