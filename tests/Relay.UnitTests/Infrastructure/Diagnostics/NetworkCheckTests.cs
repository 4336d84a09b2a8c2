using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Infrastructure.ClaudeCode;
using Relay.Infrastructure.Diagnostics;

namespace Relay.UnitTests.Infrastructure.Diagnostics;

public sealed class NetworkCheckTests
{
    [Theory]
    [InlineData("198.18.0.9,198.19.255.1", FindingStatus.Warn)]
    [InlineData("198.18.0.9,93.184.216.34", FindingStatus.Pass)]
    [InlineData("93.184.216.34", FindingStatus.Pass)]
    [InlineData("", FindingStatus.Pass)]
    public void A_resolver_that_makes_up_addresses_is_told(string addresses, FindingStatus status) =>
        Check([])
            .Judge([.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)])
            .Should()
            .ContainSingle()
            .Which.Status.Should()
            .Be(status);

    [Fact]
    public void A_proxy_that_the_relay_does_not_use_is_told_without_its_address()
    {
        var finding = Check([("HTTPS_PROXY", "http://user:secret@proxy.example:3128")]).Judge([]).Should().ContainSingle().Subject;

        finding.Status.Should().Be(FindingStatus.Warn);
        $"{finding}".Should().Contain("HTTPS_PROXY").And.Contain("CLAUDE_PASS_ENV").And.NotContain("secret");
    }

    [Fact]
    public void A_proxy_that_Claude_Code_gets_is_told_for_fetching_only() =>
        $"{Check([("HTTPS_PROXY", "http://proxy.example")], "HTTPS_PROXY").Judge([]).Single()}"
            .Should()
            .NotContain("CLAUDE_PASS_ENV")
            .And.Contain("/v1/fetch");

    [Theory]
    [InlineData("93.184.216.34", FindingStatus.Pass)]
    [InlineData("", FindingStatus.Warn)]
    public void A_proxy_for_pages_is_told_with_its_duties_and_without_its_password(string addresses, FindingStatus status)
    {
        var check = Check(
            [("HTTPS_PROXY", "http://other.example:1")],
            new FetchOptions { Proxy = new Uri("http://user:secret@proxy.example:3128") }
        );

        var finding = check
            .Judge([.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)])
            .Should()
            .ContainSingle()
            .Subject;

        finding.Status.Should().Be(status);
        $"{finding}"
            .Should()
            .Contain("proxy.example:3128")
            .And.Contain("it must refuse private, loopback, link-local and metadata addresses")
            .And.NotContain("secret")
            .And.NotContain("user");
    }

    private static NetworkCheck Check((string Name, string Value)[] variables, FetchOptions fetching) =>
        new(
            new ConfigurationBuilder()
                .AddInMemoryCollection(variables.Select(pair => KeyValuePair.Create<string, string?>(pair.Name, pair.Value)))
                .Build(),
            Options.Create(new ClaudeCodeOptions()),
            Options.Create(fetching),
            TimeProvider.System
        );

    private static NetworkCheck Check((string Name, string Value)[] variables, params string[] passed) =>
        new(
            new ConfigurationBuilder()
                .AddInMemoryCollection(variables.Select(pair => KeyValuePair.Create<string, string?>(pair.Name, pair.Value)))
                .Build(),
            Options.Create(new ClaudeCodeOptions { PassEnv = passed }),
            Options.Create(new FetchOptions()),
            TimeProvider.System
        );
}
