using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Relay.FakeClaude;

namespace Relay.EndToEndTests.Harness;

/// <summary>A relay, keys that may do one thing each, and a site with pages of every kind.</summary>
public sealed class DescribedRelays : IAsyncLifetime
{
    private WebApplication _site = null!;

    internal FakeRelay Relay { get; private set; } = null!;

    internal string UsageKey { get; private set; } = string.Empty;

    internal string CompleteKey { get; private set; } = string.Empty;

    internal string AdminKey { get; private set; } = string.Empty;

    public async ValueTask InitializeAsync()
    {
        _site = await StartSiteAsync();
        Relay = await FakeRelay.StartAsync(new FakeScript(), [("HEARTBEAT_AFTER", "200ms"), ("FETCH_RPM", "20"), .. FetchSettings]);
        UsageKey = await MintAsync("usage");
        CompleteKey = await MintAsync("complete");
        AdminKey = await MintAsync("admin");
    }

    public async ValueTask DisposeAsync()
    {
        await Relay.DisposeAsync();
        await _site.DisposeAsync();
    }

    internal (string Name, string Value)[] FetchSettings
    {
        get
        {
            var port = new Uri(_site.Urls.Single()).Port.ToString();
            return [("FETCH_PORTS", $"80,{port}"), ("FETCH_ALLOW", $"127.0.0.1:{port}")];
        }
    }

    /// <summary>The relay, whose Claude answers whatever a test before had it do.</summary>
    internal FakeRelay Fresh()
    {
        Relay.Script(new FakeScript());
        return Relay;
    }

    internal string Url(string path) => _site.Urls.Single() + path;

    private Task<string> MintAsync(string scope) => Relay.Program.MintAsync(scope, "--scope", scope);

    private static async Task<WebApplication> StartSiteAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var site = builder.Build();
        site.Run(async context =>
        {
            var response = context.Response;
            switch (context.Request.Path.Value)
            {
                case "/redirect":
                    response.Redirect("/page");
                    break;
                case "/page":
                    response.ContentType = "text/html; charset=utf-8";
                    await response.WriteAsync(
                        $"<html lang=en><title>A page</title><script "
                            + $"type='application/ld+json'>{{\"a\":1}}</script><body><article><h1>A "
                            + $"page</h1><p>{new string('w', 90)}</p><p>{new string('v', 900)}</p></article></body></html>"
                    );
                    break;
                case "/json":
                    response.ContentType = "application/json";
                    await response.WriteAsync("{\"a\":1}");
                    break;
                case "/picture":
                    response.ContentType = "image/png";
                    await response.WriteAsync("x");
                    break;
                case "/cut":
                    context.Abort();
                    break;
                default:
                    await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
                        .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    break;
            }
        });
        await site.StartAsync();
        return site;
    }
}
