using Relay.Application.Configuration;

namespace Relay.Application.Fetching;

/// <summary>The treatment of a page that is longer than the relay reads.</summary>
public enum OversizePages
{
    /// <summary>The answer holds the beginning of the page, and says so.</summary>
    Cut,

    /// <summary>The page is refused.</summary>
    Refuse,
}

/// <summary>The rules for sources and sizes of pages. The rates are in <see cref="Quotas.QuotaOptions"/>.</summary>
public sealed class FetchOptions
{
    [Setting(
        "FETCH_TIMEOUT",
        "Spend at most this long on a page: look-up, connection, redirects, body and reading together.",
        Min = "1s",
        Max = "60s"
    )]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(20);

    [Setting("FETCH_MAX_PAGE_BYTES", "Read at most this much of a page, decompressed.", Min = "100KB", Max = "20MB")]
    public long MaxPageBytes { get; set; } = 5_000_000;

    [Setting("FETCH_OVERSIZE", "Choose what happens to a longer page: cut, or refuse. JSON and XML are never cut.")]
    public OversizePages Oversize { get; set; } = OversizePages.Cut;

    [Setting(
        "FETCH_PER_HOST_CONCURRENCY",
        "Fetch at most this many pages from one host at once. More of them wait. One key gets all of these places but one, "
            + "if there are two or more.",
        Min = "1",
        Max = "1000"
    )]
    public int PerHostConcurrency { get; set; } = 3;

    [Setting("FETCH_USER_AGENT", "Send this User-Agent to sites.")]
    public string UserAgent { get; set; } = "Mozilla/5.0 (compatible; claude-relay/0.1)";

    [Setting("FETCH_PORTS", "Fetch from these ports only.")]
    public IReadOnlyList<string> Ports { get; set; } = ["80", "443"];

    [Setting(
        "FETCH_ALLOW",
        "Allow these exact targets inside your network, as host:port and ip:port, IPv6 in brackets. A host's addresses have to be public "
            + "or be listed, too."
    )]
    public IReadOnlyList<string> Allow { get; set; } = [];

    [Setting("FETCH_DENY", "Refuse these further targets: names, *.names, addresses and blocks such as 203.0.113.0/24.")]
    public IReadOnlyList<string> Deny { get; set; } = [];

    [Setting(
        "FETCH_PROXY",
        "Fetch all pages through this proxy, for networks without a way out: http://host:port, or http://user:password@host:port. The "
            + "proxy has to refuse private addresses by itself. The environment's proxy variables are ignored.",
        Secret = true
    )]
    public Uri? Proxy { get; set; }

    [Setting("FETCH_NAT64", "Treat 64:ff9b::/96 as the IPv4 address inside. For machines that reach IPv4 through DNS64 only.")]
    public bool Nat64 { get; set; }
}
