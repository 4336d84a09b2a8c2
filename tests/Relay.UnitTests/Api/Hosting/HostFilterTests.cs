using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Relay.Api.Hosting;
using Relay.Api.Http;
using Relay.Application.Serving;

namespace Relay.UnitTests.Api.Hosting;

public sealed class HostFilterTests
{
    private readonly ServerOptions _options = new();

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:8799")]
    [InlineData("LOCALHOST")]
    [InlineData("localhost.")]
    [InlineData("localhost.:8799")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:1")]
    [InlineData("[::1]")]
    [InlineData("[::1]:8799")]
    public async Task Its_own_names_pass_with_any_port(string host) => (await AskAsync(host)).Should().Be((true, 200));

    [Theory]
    [InlineData("")]
    [InlineData(":8799")]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example")]
    [InlineData("evil.localhost")]
    [InlineData("localhost@evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("127.0.0.2")]
    [InlineData("0.0.0.0")]
    [InlineData("[::2]")]
    [InlineData("127.1")]
    [InlineData("2130706433")]
    [InlineData("xn--a-.example")]
    [InlineData("xn--")]
    public async Task Every_other_name_and_none_is_misdirected(string host) => (await AskAsync(host)).Should().Be((false, 421));

    [Fact]
    public async Task The_address_it_listens_on_and_the_tunnels_name_pass_without_being_listed()
    {
        (_options.Host, _options.AllowRemote, _options.AllowedHosts, _options.NgrokDomain) = ("192.168.1.5", true, [], "team.ngrok.app");
        (await AskAsync("192.168.1.5:8799")).Passed.Should().BeTrue();
        (await AskAsync("Team.ngrok.app")).Passed.Should().BeTrue();
        (await AskAsync("localhost")).Passed.Should().BeFalse("the operator's list counts");
    }

    [Theory]
    [InlineData("0.0.0.0", "0.0.0.0")]
    [InlineData("::", "[::]")]
    public async Task Any_address_is_no_name(string address, string host)
    {
        (_options.Host, _options.AllowRemote) = (address, true);
        (await AskAsync(host)).Passed.Should().BeFalse();
        (await AskAsync("localhost")).Passed.Should().BeTrue();
    }

    [Fact]
    public async Task An_IPv6_address_is_written_in_brackets_by_clients()
    {
        (_options.Host, _options.AllowedHosts) = ("fd00::5", []);
        (await AskAsync("[fd00::5]:80")).Passed.Should().BeTrue();
    }

    [Theory]
    [InlineData("::1", "[::1]")]
    [InlineData("[::1]", "[::1]:8799")]
    [InlineData("relay.example.", "relay.example")]
    [InlineData("relay.example", "relay.example.")]
    [InlineData("Relay.Example", "relay.example:443")]
    [InlineData("bücher.example", "xn--bcher-kva.example:443")]
    [InlineData("xn--bcher-kva.example", "xn--bcher-kva.example")]
    public async Task Every_name_that_the_check_of_the_settings_accepts_works(string allowed, string host)
    {
        _options.AllowedHosts = [allowed];
        new ServerOptionsValidator().Validate(null, _options).Succeeded.Should().BeTrue();
        (await AskAsync(host)).Passed.Should().BeTrue();
    }

    [Theory]
    [InlineData("https://relay.example")]
    [InlineData("relay.example:443")]
    [InlineData("relay.example/path")]
    [InlineData("*.example")]
    [InlineData("ｒelay.example")]
    [InlineData("")]
    public void An_impossible_name_is_told_at_the_start(string allowed) =>
        new ServerOptionsValidator()
            .Validate(null, new ServerOptions { AllowedHosts = [allowed] })
            .Failures.Should()
            .ContainSingle()
            .Which.Should()
            .Contain("ALLOWED_HOSTS");

    private async Task<(bool Passed, int Status)> AskAsync(string host)
    {
        var context = new DefaultHttpContext();
        context.Features.Set(new RequestLogEntry("req_1"));
        context.Request.Host = new HostString(host);
        var passed = false;
        await new HostFilter(Options.Create(_options)).InvokeAsync(
            context,
            _ =>
            {
                passed = true;
                return Task.CompletedTask;
            }
        );
        context.Log().Error.Should().Be(passed ? null : "wrong_host");
        return (passed, context.Response.StatusCode);
    }
}
