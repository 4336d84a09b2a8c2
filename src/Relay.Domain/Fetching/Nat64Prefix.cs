using System.Net;

namespace Relay.Domain.Fetching;

/// <summary>IPv6 addresses of a network that stand for IPv4 ones (RFC 6052).</summary>
/// <param name="Block">The prefix: 32, 40, 48, 56, 64 or 96 bits long.</param>
public sealed record Nat64Prefix(AddressBlock Block)
{
    /// <summary>The prefix that every network may use.</summary>
    public static Nat64Prefix WellKnown { get; } = new(AddressBlock.Parse("64:ff9b::/96"));

    private static readonly int[] Lengths = [96, 64, 56, 48, 40, 32];

    /// <summary>The IPv4 addresses of <c>ipv4only.arpa</c>, by which a network's prefix is found (RFC 7050).</summary>
    private static readonly IPAddress[] WellKnownIPv4 = [new([192, 0, 0, 170]), new([192, 0, 0, 171])];

    /// <summary>The prefixes of the network in which <c>ipv4only.arpa</c> has these addresses.</summary>
    public static IReadOnlyList<Nat64Prefix> Discover(IEnumerable<IPAddress> addresses) =>
        [
            .. (
                from address in addresses
                where IsIPv6(address)
                from length in Lengths
                let prefix = new Nat64Prefix(new AddressBlock(address, length))
                where prefix.Find(address) is { } embedded && WellKnownIPv4.Contains(embedded)
                select prefix
            ).Distinct(),
        ];

    /// <summary>The IPv4 address that an address stands for; null for one outside the prefix.</summary>
    public IPAddress? Find(IPAddress address)
    {
        if (!IsIPv6(address) || !Block.Contains(address))
        {
            return null;
        }

        // RFC 6052, section 2.2: behind the prefix, leaping over the ninth byte.
        var bytes = address.GetAddressBytes();
        Span<byte> found = stackalloc byte[4];
        var from = Block.PrefixLength / 8;
        for (var index = 0; index < found.Length; index++, from++)
        {
            from += from == 8 ? 1 : 0;
            found[index] = bytes[from];
        }

        return new IPAddress(found);
    }

    private static bool IsIPv6(IPAddress address) => address.GetAddressBytes().Length == 16;
}
