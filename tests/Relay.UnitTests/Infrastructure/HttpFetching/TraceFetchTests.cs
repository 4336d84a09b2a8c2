using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NSubstitute;
using Relay.Application.Diagnostics;
using Relay.Application.Fetching;
using Relay.Domain.Fetching;
using Relay.Infrastructure.Html;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

/// <summary>The report of <c>relayctl doctor --fetch</c>, over real sockets.</summary>
public sealed class TraceFetchTests
{
    [Fact]
    public async Task Each_step_of_a_page_is_told()
    {
        using var site = new RawSite(head =>
            head.StartsWith("GET /new", StringComparison.Ordinal)
                ? RawSite.Answer(
                    "200 OK",
                    "Content-Type: text/html; charset=utf-8\r\n",
                    "<title>News</title><div id=root></div><script src=a.js></script>"u8.ToArray()
                )
                : RawSite.Answer("301 Moved Permanently", "Location: /new\r\n", [])
        );

        var diagnosis = await TraceAsync(site.Endpoint.Port, "site.example.net");

        diagnosis.IsHealthy.Should().BeTrue();
        diagnosis
            .Findings.Select(finding => finding.Check)
            .Should()
            .Equal(
                "url",
                "request",
                "dns",
                "guard",
                "connect",
                "answer",
                "redirect",
                "request",
                "dns",
                "guard",
                "connect",
                "answer",
                "type",
                "body",
                "render",
                "scripts"
            );
        diagnosis.Findings[2].Detail.Should().Contain("127.0.0.1");
        diagnosis.Findings[5].Detail.Should().StartWith("Status 301 Moved Permanently.");
        diagnosis.Findings[^2].Detail.Should().Contain("title 'News'");
    }

    [Theory]
    [InlineData("private.example.net", "guard", "10.0.0.1")]
    [InlineData("mixed.example.net", "guard", "10.0.0.1")]
    [InlineData("unknown.example.net", "dns", "HostNotFound")]
    [InlineData("localhost", "url", "name_forbidden")]
    public async Task The_step_that_fails_says_why(string host, string step, string reason)
    {
        using var site = new RawSite(_ => []);

        var diagnosis = await TraceAsync(site.Endpoint.Port, host);

        diagnosis.IsHealthy.Should().BeFalse();
        diagnosis
            .Findings.First(finding => finding.Status == FindingStatus.Fail)
            .Should()
            .Match<Finding>(finding => finding.Check == step && finding.Detail.Contains(reason, StringComparison.Ordinal));
        site.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task A_site_that_is_gone_is_told_by_its_address()
    {
        var site = new RawSite(_ => []);
        site.Dispose();

        var failed = (await TraceAsync(site.Endpoint.Port, "site.example.net")).Findings.First(finding =>
            finding.Status == FindingStatus.Fail
        );

        (failed.Check, failed.Detail)
            .Should()
            .Match<(string Check, string Detail)>(one =>
                one.Check == "connect"
                && one.Detail.Contains($"127.0.0.1, port {site.Endpoint.Port}: ConnectionRefused", StringComparison.Ordinal)
            );
    }

    private static async Task<Diagnosis> TraceAsync(int port, string host)
    {
        // The port and the one address are let through, for the test's own site.
        var rules = new FetchRules(
            new HashSet<int> { port },
            new HashSet<string>(StringComparer.Ordinal),
            new HashSet<string>(StringComparer.Ordinal)
        );
        var policy = new FetchPolicy(rules, new AddressPolicy(new HashSet<IPEndPoint> { new(IPAddress.Loopback, port) }, [], false));
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Options.Create(new FetchOptions()))
            .AddSingleton(policy)
            .AddHttpFetching()
            .AddSingleton(new NameLookUps(LookUpAsync))
            .BuildServiceProvider();
        var handler = new TraceFetchHandler(
            services.GetRequiredService<IPageFetcher>(),
            new PageReader(),
            Substitute.For<IPdfReader>(),
            policy,
            TimeProvider.System
        );
        return (await handler.Handle(new TraceFetchQuery($"http://{host}:{port}/"), Waiting.Token).InTime()).Value;
    }

    private static Task<IPAddress[]> LookUpAsync(string name) =>
        name switch
        {
            "site.example.net." => Task.FromResult<IPAddress[]>([IPAddress.Loopback]),
            "private.example.net." => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.0.0.1")]),
            "mixed.example.net." => Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.Parse("10.0.0.1")]),
            _ => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)),
        };
}
