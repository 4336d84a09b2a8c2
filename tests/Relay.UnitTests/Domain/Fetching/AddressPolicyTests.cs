using System.Net;
using Relay.Domain.Fetching;
using Relay.Tests.Corpus;

namespace Relay.UnitTests.Domain.Fetching;

public sealed class AddressPolicyTests
{
    private static readonly IPAddress Public = IPAddress.Parse("93.184.215.14");

    public static TheoryData<string, bool> Rows
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var row in SsrfCorpus.Rows("address"))
            {
                data.Add(row.Input.GetString()!, row.IsAllowed);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_corpus_is_judged_as_it_says(string address, bool isAllowed) =>
        Allows(AddressPolicy.Default, address).Should().Be(isAllowed);

    [Theory]
    [InlineData("0.0.0.0/8")]
    [InlineData("10.0.0.0/8")]
    [InlineData("100.64.0.0/10")]
    [InlineData("127.0.0.0/8")]
    [InlineData("168.63.129.16/32")]
    [InlineData("169.254.0.0/16")]
    [InlineData("172.16.0.0/12")]
    [InlineData("192.0.0.0/24")]
    [InlineData("192.0.2.0/24")]
    [InlineData("192.31.196.0/24")]
    [InlineData("192.52.193.0/24")]
    [InlineData("192.88.99.0/24")]
    [InlineData("192.168.0.0/16")]
    [InlineData("192.175.48.0/24")]
    [InlineData("198.18.0.0/15")]
    [InlineData("198.51.100.0/24")]
    [InlineData("203.0.113.0/24")]
    [InlineData("224.0.0.0/3")]
    public void A_special_block_is_refused_from_its_first_to_its_last_address_and_no_further(string block)
    {
        var network = IPNetwork.Parse(block);
        var first = ToNumber(network.BaseAddress);
        var last = first + (uint)((1UL << (32 - network.PrefixLength)) - 1);

        AddressTable.IsPublic(FromNumber(first)).Should().BeFalse();
        AddressTable.IsPublic(FromNumber(first + ((last - first) / 2))).Should().BeFalse();
        AddressTable.IsPublic(FromNumber(last)).Should().BeFalse();
        if (first != 0)
        {
            AddressTable.IsPublic(FromNumber(first - 1)).Should().BeTrue();
        }

        if (last != uint.MaxValue)
        {
            AddressTable.IsPublic(FromNumber(last + 1)).Should().BeTrue();
        }
    }

    [Theory]
    [InlineData("::ffff:93.184.215.14")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::ffff:255.255.255.255")]
    [InlineData("2606:4700:4700::1111%3")]
    [InlineData("2001:470:1f0a::5efe:10.0.0.1")]
    [InlineData("2001:470:1f0a::200:5efe:808:808")]
    public void Odd_forms_of_public_addresses_are_refused(string address) => Allows(AddressPolicy.Default, address).Should().BeFalse();

    [Fact]
    public void The_machines_own_addresses_and_its_neighbours_are_refused_although_public()
    {
        var host = new HostNetworks([Public], [AddressBlock.Parse("2606:4700:4700::/64")], []);

        AddressPolicy.Default.Allows(Public, 443, host).Should().BeFalse();
        AddressPolicy.Default.Allows(IPAddress.Parse("2606:4700:4700::1111"), 443, host).Should().BeFalse();
        AddressPolicy.Default.Allows(IPAddress.Parse("2606:4700:4701::1111"), 443, host).Should().BeTrue();
    }

    [Fact]
    public void Denied_addresses_are_refused_except_exactly_allowed_targets()
    {
        var policy = AddressPolicy.Default with
        {
            Denied = [AddressBlock.Parse("93.184.215.0/24")],
            Allowed = new HashSet<IPEndPoint> { new(Public, 443), new(IPAddress.Parse("192.168.1.10"), 80) },
        };

        policy.Allows(IPAddress.Parse("93.184.215.15"), 443, HostNetworks.None).Should().BeFalse();
        policy.Allows(Public, 80, HostNetworks.None).Should().BeFalse();
        policy.Allows(Public, 443, HostNetworks.None).Should().BeTrue();
        policy.Allows(IPAddress.Parse("192.168.1.10"), 80, HostNetworks.None).Should().BeTrue();
        policy.Allows(IPAddress.Parse("192.168.1.10"), 443, HostNetworks.None).Should().BeFalse();
    }

    [Theory]
    [InlineData("64:ff9b::c000:aa", "64:ff9b::/96", "64:ff9b::a00:1")]
    [InlineData("2001:67c:2960:6464::c000:ab", "2001:67c:2960:6464::/96", "2001:67c:2960:6464::a00:1")]
    [InlineData("2001:67c:c000:aa::", "2001:67c::/32", "2001:67c:a00:1::")]
    [InlineData("2001:67c:29c0:0:aa::", "2001:67c:2900::/40", "2001:67c:290a:0:1::")]
    [InlineData("2001:67c:2960:c000:0:aa00::", "2001:67c:2960::/48", "2001:67c:2960:a00:0:100::")]
    [InlineData("2001:67c:2960:64c0:0:aa::", "2001:67c:2960:6400::/56", "2001:67c:2960:640a:0:1::")]
    [InlineData("2001:67c:2960:6464:c0:0:aa00:0", "2001:67c:2960:6464::/64", "2001:67c:2960:6464:a:0:100:0")]
    public void A_networks_own_translation_prefix_is_found_and_what_it_hides_is_refused(string answer, string prefix, string hidden)
    {
        var found = Nat64Prefix.Discover([IPAddress.Parse(answer)]);

        found.Select(one => one.Block).Should().Contain(AddressBlock.Parse(prefix));
        var ofThis = found.Single(one => one.Block.Equals(AddressBlock.Parse(prefix)));
        ofThis.Find(IPAddress.Parse(hidden)).Should().Be(IPAddress.Parse("10.0.0.1"));
        AddressPolicy.Default.Allows(IPAddress.Parse(hidden), 443, new HostNetworks([], [], [ofThis])).Should().BeFalse();
    }

    /// <summary>Prefixes may lie in one another, and in one address there may be two for one answer.</summary>
    [Theory]
    [InlineData("2001:67c:808:808::a00:1", false)]
    [InlineData("2001:67c:a00:1::808:808", false)]
    [InlineData("2001:67c:808:808::808:808", true)]
    public void An_address_is_refused_if_one_of_several_translation_prefixes_leads_to_a_private_one(string address, bool isAllowed)
    {
        Nat64Prefix[] prefixes = [new(AddressBlock.Parse("2001:67c::/32")), new(new AddressBlock(IPAddress.Parse(address), 96))];

        AddressPolicy.Default.Allows(IPAddress.Parse(address), 443, new HostNetworks([], [], prefixes)).Should().Be(isAllowed);
        AddressPolicy
            .Default.Allows(IPAddress.Parse(address), 443, new HostNetworks([], [], [.. prefixes.Reverse()]))
            .Should()
            .Be(isAllowed);
    }

    [Fact]
    public void The_common_translation_prefix_is_taken_only_when_switched_on_and_by_what_it_stands_for()
    {
        var policy = AddressPolicy.Default with { AllowNat64 = true };

        Allows(AddressPolicy.Default, "64:ff9b::808:808").Should().BeFalse();
        Allows(policy, "64:ff9b::808:808").Should().BeTrue();
        Allows(policy, "64:ff9b::a00:1").Should().BeFalse();
        Allows(policy with { Denied = [AddressBlock.Parse("8.0.0.0/8")] }, "64:ff9b::808:808").Should().BeFalse();
    }

    private static bool Allows(AddressPolicy policy, string address) => policy.Allows(IPAddress.Parse(address), 443, HostNetworks.None);

    private static uint ToNumber(IPAddress address) =>
        System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static IPAddress FromNumber(uint number) =>
        new([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);
}
