using System.Net;

namespace Relay.Domain.Fetching;

/// <summary>The networks that a machine stands in, as no registry knows them.</summary>
/// <param name="Own">Its own addresses.</param>
/// <param name="OnLink">The networks of its interfaces: neighbours, which with IPv6 have public addresses.</param>
/// <param name="Nat64">The prefixes under which its network translates to IPv4.</param>
public sealed record HostNetworks(IReadOnlyList<IPAddress> Own, IReadOnlyList<AddressBlock> OnLink, IReadOnlyList<Nat64Prefix> Nat64)
{
    /// <summary>A machine without a network.</summary>
    public static HostNetworks None { get; } = new([], [], []);
}

/// <summary>
/// Decides to which addresses the relay may connect for a caller: public ones, neither its own machine's nor a neighbour's,
/// less what the operator denies, and the exact targets that the operator allows.
/// </summary>
/// <param name="Allowed">Exact targets that no other rule refuses.</param>
/// <param name="Denied">Blocks that are refused.</param>
/// <param name="AllowNat64">Whether <c>64:ff9b::/96</c> is taken, by the IPv4 address inside: for machines behind DNS64.</param>
public sealed record AddressPolicy(IReadOnlySet<IPEndPoint> Allowed, IReadOnlyList<AddressBlock> Denied, bool AllowNat64)
{
    /// <summary>The policy when the operator sets none.</summary>
    public static AddressPolicy Default { get; } = new(new HashSet<IPEndPoint>(), [], AllowNat64: false);

    /// <summary>Whether the relay may connect to this address and port.</summary>
    public bool Allows(IPAddress address, int port, HostNetworks host) =>
        (Allowed.Count > 0 && Allowed.Contains(new IPEndPoint(address, port))) || IsOpen(address, host);

    private bool IsOpen(IPAddress address, HostNetworks host)
    {
        if (Denied.Any(block => block.Contains(address)) || host.Own.Contains(address) || host.OnLink.Any(block => block.Contains(address)))
        {
            return false;
        }

        // A translated address is only as public as the IPv4 address that it stands for, under each of the prefixes.
        if (host.Nat64.Any(prefix => prefix.Find(address) is { } embedded && !IsOpen(embedded, host)))
        {
            return false;
        }

        return AddressTable.IsPublic(address)
            || (AllowNat64 && Nat64Prefix.WellKnown.Find(address) is { } translated && IsOpen(translated, host));
    }
}

/// <summary>The pages that the relay may fetch for its callers.</summary>
/// <param name="Rules">The rules for the text of URLs.</param>
/// <param name="Addresses">The rules for the addresses that names have.</param>
public sealed record FetchPolicy(FetchRules Rules, AddressPolicy Addresses);
