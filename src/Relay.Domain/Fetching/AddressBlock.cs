using System.Net;

namespace Relay.Domain.Fetching;

/// <summary>
/// The addresses of one family that begin with the same bits. .NET 10's <c>IPNetwork.Contains</c> is not used: for an IPv4-mapped address
/// it compares other bits than the address has, and finds <c>::ffff:10.0.0.1</c> in <c>2000::/3</c> (measured on 10.0.12).
/// </summary>
public sealed record AddressBlock
{
    private readonly UInt128 _bits;
    private readonly UInt128 _mask;
    private readonly bool _isIPv6;

    /// <summary>A block by its first address and the number of bits that all its addresses have in common.</summary>
    public AddressBlock(IPAddress address, int prefixLength)
    {
        (_bits, _isIPv6) = Read(address);
        var width = _isIPv6 ? 128 : 32;
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, width);
        PrefixLength = prefixLength;
        _mask = prefixLength == 0 ? 0 : UInt128.MaxValue << (width - prefixLength);
        _bits &= _mask;
    }

    /// <summary>Bits that all its addresses have in common.</summary>
    public int PrefixLength { get; }

    /// <summary>Whether an address of the same family is in the block. The IPv4 and the IPv6 form of an address differ.</summary>
    public bool Contains(IPAddress address)
    {
        var (bits, isIPv6) = Read(address);
        return isIPv6 == _isIPv6 && (bits & _mask) == _bits;
    }

    /// <summary>A block as <c>10.0.0.0/8</c>, or a single address.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static AddressBlock Parse(string text) =>
        TryParse(text) ?? throw new FormatException($"'{text}' is neither an address nor a block of addresses.");

    /// <summary>Reads like <see cref="Parse"/>, or returns null.</summary>
    public static AddressBlock? TryParse(string text)
    {
        if (IPAddress.TryParse(text, out var single))
        {
            return new AddressBlock(single, single.GetAddressBytes().Length * 8);
        }

        return IPNetwork.TryParse(text, out var network) ? new AddressBlock(network.BaseAddress, network.PrefixLength) : null;
    }

    private static (UInt128 Bits, bool IsIPv6) Read(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        var bits = UInt128.Zero;
        foreach (var part in bytes[..length])
        {
            bits = (bits << 8) | part;
        }

        return (bits, length == 16);
    }
}
