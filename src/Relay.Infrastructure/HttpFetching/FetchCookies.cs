using System.Net;

namespace Relay.Infrastructure.HttpFetching;

/// <summary>
/// The cookies of one fetch. Each host gets back the cookies that it set while this page was fetched, and no other host does, whatever
/// domain a cookie names. They end with the fetch.
/// </summary>
internal sealed class FetchCookies
{
    private const int MaxPerHost = 50;
    private readonly Dictionary<string, CookieContainer> _hosts = new(StringComparer.Ordinal);

    public void Keep(Uri url, IEnumerable<string> headers)
    {
        foreach (var header in headers)
        {
            if (!_hosts.TryGetValue(url.IdnHost, out var cookies))
            {
                _hosts[url.IdnHost] = cookies = new CookieContainer(MaxPerHost, MaxPerHost, CookieContainer.DefaultCookieLengthLimit);
            }

            try
            {
                cookies.SetCookies(url, header);
            }
            catch (CookieException)
            {
                // Browsers ignore an invalid cookie, too.
                continue;
            }
        }
    }

    public string? HeaderFor(Uri url) =>
        _hosts.TryGetValue(url.IdnHost, out var cookies) && cookies.GetCookieHeader(url) is { Length: > 0 } header ? header : null;
}
