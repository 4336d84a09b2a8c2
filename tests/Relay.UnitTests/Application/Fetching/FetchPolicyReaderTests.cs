using System.Net;
using Relay.Application.Fetching;
using Relay.Application.Serving;
using Relay.Domain.Fetching;

namespace Relay.UnitTests.Application.Fetching;

public sealed class FetchPolicyReaderTests
{
    [Fact]
    public void Settings_become_rules()
    {
        var options = new FetchOptions
        {
            Ports = ["80", "8443"],
            Allow = ["Wiki.LAN:80", "192.168.1.10:80", "[fd00::1]:443"],
            Deny = ["*.Example.com", "bad.example.net", "93.184.215.0/24", "8.8.8.8"],
        };

        var (policy, problems) = FetchPolicyReader.Read(options, new ServerOptions { NgrokDomain = "Relay.ngrok.app" });

        problems.Should().BeEmpty();
        policy.Rules.Ports.Should().BeEquivalentTo([80, 8443]);
        policy.Rules.Allows("wiki.lan", 80).Should().BeTrue();
        policy.Rules.Allows("[fd00::1]", 443).Should().BeTrue();
        policy.Rules.Denies("a.example.com").Should().BeTrue();
        policy.Rules.Denies("relay.ngrok.app").Should().BeTrue("the relay would ask itself");
        policy.Addresses.Allows(IPAddress.Parse("192.168.1.10"), 80, HostNetworks.None).Should().BeTrue();
        policy.Addresses.Allows(IPAddress.Parse("fd00::1"), 443, HostNetworks.None).Should().BeTrue();
        policy.Addresses.Allows(IPAddress.Parse("93.184.215.14"), 443, HostNetworks.None).Should().BeFalse();
        policy.Addresses.Allows(IPAddress.Parse("8.8.8.8"), 443, HostNetworks.None).Should().BeFalse();
    }

    [Theory]
    [InlineData("bücher.de", "https://bücher.de/")]
    [InlineData("BÜCHER.de", "https://xn--bcher-kva.de/")]
    [InlineData("xn--bcher-kva.de", "https://bücher.de/")]
    [InlineData("*.bücher.de", "https://www.bücher.de/")]
    [InlineData("secret.example.com.", "https://secret.example.com/")]
    [InlineData("*.Secret.example.com.", "https://a.secret.example.com./")]
    public void A_name_denies_however_it_is_written(string name, string url)
    {
        var (denied, problems) = FetchPolicyReader.Read(new FetchOptions { Deny = [name] }, new ServerOptions());
        var (own, _) = FetchPolicyReader.Read(new FetchOptions(), new ServerOptions { AllowedHosts = [name], NgrokDomain = name });

        problems.Should().BeEmpty();
        FetchUrl.Parse(url, denied.Rules, out var refusal).Should().BeNull();
        refusal.Should().Be(UrlRefusal.NameForbidden);
        if (!name.StartsWith('*'))
        {
            FetchUrl.Parse(url, own.Rules, out refusal).Should().BeNull("the relay would ask itself");
        }
    }

    [Fact]
    public void Entries_that_are_not_rules_are_named()
    {
        var options = new FetchOptions
        {
            Ports = ["0", "http"],
            Allow = ["wiki.lan", "a b:80", "10.0.0.0/8:80", "x:99999"],
            Deny = ["*", "a b", "ｆoo.de", "*.", "a..", "203.0.113.999", "*.foo.1"],
        };

        var (_, problems) = FetchPolicyReader.Read(options, new ServerOptions());

        problems
            .Select(problem => problem.Split('\'')[1])
            .Should()
            .Equal(
                "0",
                "http",
                "wiki.lan",
                "a b:80",
                "10.0.0.0/8:80",
                "x:99999",
                "*",
                "a b",
                "ｆoo.de",
                "*.",
                "a..",
                "203.0.113.999",
                "*.foo.1"
            );
    }
}
