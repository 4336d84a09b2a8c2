using System.Net;

namespace Relay.Domain.Fetching;

/// <summary>
/// Tells which addresses are public, by the registries alone: IANA's IPv4 and IPv6 special-purpose address registries and IPv6 address
/// space (as of October 2025). It is stricter than their "globally reachable", which takes NAT64 and leaves out multicast.
/// </summary>
public static class AddressTable
{
    private static readonly AddressBlock[] NotPublicIPv4 =
    [
        AddressBlock.Parse("0.0.0.0/8"), // this network (RFC 791); Linux connects 0.0.0.0 to itself
        AddressBlock.Parse("10.0.0.0/8"), // private (RFC 1918)
        AddressBlock.Parse("100.64.0.0/10"), // shared, carrier-grade NAT (RFC 6598)
        AddressBlock.Parse("127.0.0.0/8"), // loopback (RFC 1122)
        AddressBlock.Parse("168.63.129.16/32"), // Azure's host: public by every registry
        AddressBlock.Parse("169.254.0.0/16"), // link local, clouds' metadata (RFC 3927)
        AddressBlock.Parse("172.16.0.0/12"), // private (RFC 1918)
        AddressBlock.Parse("192.0.0.0/24"), // protocol assignments (RFC 6890)
        AddressBlock.Parse("192.0.2.0/24"), // documentation (RFC 5737)
        AddressBlock.Parse("192.31.196.0/24"), // AS112 (RFC 7535)
        AddressBlock.Parse("192.52.193.0/24"), // AMT (RFC 7450)
        AddressBlock.Parse("192.88.99.0/24"), // 6to4 relays (RFC 7526)
        AddressBlock.Parse("192.168.0.0/16"), // private (RFC 1918)
        AddressBlock.Parse("192.175.48.0/24"), // AS112 (RFC 7534)
        AddressBlock.Parse("198.18.0.0/15"), // benchmarks (RFC 2544)
        AddressBlock.Parse("198.51.100.0/24"), // documentation (RFC 5737)
        AddressBlock.Parse("203.0.113.0/24"), // documentation (RFC 5737)
        AddressBlock.Parse("224.0.0.0/4"), // multicast (RFC 5771)
        AddressBlock.Parse("240.0.0.0/4"), // reserved (RFC 1112), broadcast
    ];

    /// <summary>The only unicast space that is assigned.</summary>
    private static readonly AddressBlock GlobalUnicast = AddressBlock.Parse("2000::/3");

    private static readonly AddressBlock[] NotPublicIPv6 =
    [
        AddressBlock.Parse("2001::/23"), // protocol assignments, Teredo, ORCHID, benchmarks (RFC 2928 and others)
        AddressBlock.Parse("2001:db8::/32"), // documentation (RFC 3849)
        AddressBlock.Parse("2002::/16"), // 6to4, with an IPv4 address inside (RFC 7526)
        AddressBlock.Parse("2620:4f:8000::/48"), // AS112 (RFC 7534)
        AddressBlock.Parse("3fff::/20"), // documentation (RFC 9637)
    ];

    /// <summary>Whether an address is public.</summary>
    public static bool IsPublic(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        if (length == 4)
        {
            return !Array.Exists(NotPublicIPv4, block => block.Contains(address));
        }

        return address.ScopeId == 0
            && GlobalUnicast.Contains(address)
            && !Array.Exists(NotPublicIPv6, block => block.Contains(address))
            && !HasTunnelInterface(bytes);
    }

    /// <summary>ISATAP (RFC 5214): interface identifiers 0000:5efe and 0200:5efe, with an IPv4 address behind.</summary>
    private static bool HasTunnelInterface(ReadOnlySpan<byte> address) =>
        address[8] is 0 or 2 && address[9] == 0 && address[10] == 0x5E && address[11] == 0xFE;
}
