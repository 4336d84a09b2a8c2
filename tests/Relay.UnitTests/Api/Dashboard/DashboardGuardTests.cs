using Microsoft.AspNetCore.Http;
using Relay.Api.Dashboard;

namespace Relay.UnitTests.Api.Dashboard;

/// <summary>Requests that another page makes a browser send are told from those of the dashboard.</summary>
public sealed class DashboardGuardTests
{
    [Theory]
    // The page itself, in browsers old and new, with TLS in front and without.
    [InlineData(true, "POST", "relay.example:8799", "http://relay.example:8799", "same-origin")]
    [InlineData(true, "POST", "relay.example", "https://relay.example", "same-origin")]
    [InlineData(true, "DELETE", "127.0.0.1:8799", "http://127.0.0.1:8799", null)]
    [InlineData(true, "PUT", "[::1]:8799", "http://[::1]:8799", null)]
    [InlineData(true, "POST", "Relay.Example", "https://relay.example", null)]
    [InlineData(true, "POST", "xn--bcher-kva.example", "https://xn--bcher-kva.example", null)]
    [InlineData(true, "GET", "localhost:8799", null, "same-origin")]
    [InlineData(true, "GET", "localhost:8799", null, null)]
    // An address that somebody typed.
    [InlineData(true, "GET", "localhost:8799", null, "none")]
    [InlineData(false, "POST", "localhost:8799", null, "none")]
    // Another port of the same machine: one site to the cookie, and another origin here.
    [InlineData(false, "POST", "localhost:8799", "http://localhost:3000", "same-site")]
    [InlineData(false, "POST", "localhost:8799", "http://localhost:3000", null)]
    [InlineData(false, "POST", "localhost:8799", null, "same-site")]
    [InlineData(false, "GET", "localhost:8799", null, "same-site")]
    [InlineData(false, "GET", "localhost:8799", "http://localhost:3000", null)]
    // Another site, and what hides where it comes from.
    [InlineData(false, "POST", "relay.example", "https://evil.example", "cross-site")]
    [InlineData(false, "GET", "relay.example", null, "cross-site")]
    [InlineData(false, "POST", "relay.example", "null", null)]
    [InlineData(false, "POST", "relay.example", "", null)]
    [InlineData(false, "POST", "relay.example", "https://relay.example.evil.example", null)]
    [InlineData(false, "POST", "relay.example", "https://evil.example/https://relay.example", null)]
    [InlineData(false, "POST", "relay.example", "https://relay.example", "cross-site")]
    [InlineData(false, "POST", "relay.example", "https://evil.example", "same-origin")]
    // Nothing that says where it comes from.
    [InlineData(false, "POST", "relay.example", null, null)]
    [InlineData(false, "DELETE", "relay.example", null, null)]
    public void Only_the_page_itself_and_who_types_its_address_is_let_through(
        bool isOwn,
        string method,
        string host,
        string? origin,
        string? site
    )
    {
        DashboardGuard.IsOwn(Request(method, host, origin, site)).Should().Be(isOwn);
    }

    [Theory]
    [InlineData("Authorization", null, null, true)]
    [InlineData("x-api-key", null, null, true)]
    [InlineData("Authorization", "http://localhost:3000", null, false)]
    [InlineData("Authorization", null, "same-site", false)]
    [InlineData("Cookie", null, null, false)]
    public void A_program_with_a_key_of_its_own_is_no_page(string header, string? origin, string? site, bool isOwn)
    {
        var request = Request("POST", "localhost:8799", origin, site);
        request.Headers[header] = "something";

        DashboardGuard.IsOwn(request).Should().Be(isOwn);
    }

    private static HttpRequest Request(string method, string host, string? origin, string? site)
    {
        var request = new DefaultHttpContext().Request;
        (request.Method, request.Host) = (method, new HostString(host));
        if (origin is not null)
        {
            request.Headers.Origin = origin;
        }

        if (site is not null)
        {
            request.Headers["Sec-Fetch-Site"] = site;
        }

        return request;
    }
}
