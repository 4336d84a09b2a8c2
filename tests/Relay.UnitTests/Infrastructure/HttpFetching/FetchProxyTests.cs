using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Relay.Application.Fetching;
using Relay.Application.Serving;
using Relay.Domain;
using Relay.Domain.Fetching;
using Relay.Infrastructure.HttpFetching;

namespace Relay.UnitTests.Infrastructure.HttpFetching;

/// <summary>Pages through a proxy on loopback, which answers for every site.</summary>
public sealed class FetchProxyTests
{
    /// <summary>A public address as it is written: no name has to be looked up.</summary>
    private const string Public = "93.184.215.14";

    [Fact]
    public async Task A_page_of_http_is_asked_for_by_its_whole_URL()
    {
        using var proxy = new RawSite(_ => Page());

        var reply = (await FetchAsync(proxy, $"http://{Public}/a?b=c")).Value;

        Encoding.UTF8.GetString(reply.Document.Body.Span).Should().Be("<p>the page");
        var head = proxy.Requests.Should().ContainSingle().Subject;
        head.Should()
            .StartWith($"GET http://{Public}/a?b=c HTTP/1.1\r\n")
            .And.Contain($"Host: {Public}\r\n")
            .And.NotContain("Proxy-Authorization");
    }

    [Fact]
    public async Task A_page_of_https_is_asked_for_through_a_tunnel_that_the_proxy_can_t_look_into()
    {
        using var tunnel = new Tunnel();

        var answer = await FetchAsync(tunnel.Endpoint, $"https://{Public}/secret?token=1");

        answer.Error!.Code.Should().Be(ErrorCode.FetchFailed, "the certificate is nobody's");
        tunnel.Head.Should().StartWith($"CONNECT {Public}:443 HTTP/1.1\r\n").And.NotContain("secret").And.NotContain("token");
        tunnel.WasTls.Should().BeTrue();
    }

    [Theory]
    [InlineData("http://10.0.0.1/", ErrorCode.UrlRejected)]
    [InlineData("http://localhost/", ErrorCode.UrlRejected)]
    [InlineData("http://[::1]/", ErrorCode.UrlRejected)]
    [InlineData("http://169.254.169.254/latest/meta-data/", ErrorCode.UrlRejected)]
    [InlineData("http://93.184.215.14:8080/", ErrorCode.UrlRejected)]
    [InlineData("http://private.example.net/", ErrorCode.FetchFailed)]
    [InlineData("https://private.example.net/", ErrorCode.FetchFailed)]
    [InlineData("http://mixed.example.net/", ErrorCode.FetchFailed)]
    public async Task The_proxy_is_never_asked_for_a_forbidden_page(string url, ErrorCode code)
    {
        using var proxy = new RawSite(_ => Page());

        (await FetchAsync(proxy, url)).Error!.Code.Should().Be(code);

        proxy.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task A_redirect_is_judged_before_the_proxy_sees_it()
    {
        using var proxy = new RawSite(head =>
            head.Contains("/first", StringComparison.Ordinal)
                ? RawSite.Answer("302 Found", "Location: http://private.example.net/\r\n", [])
                : Page()
        );

        (await FetchAsync(proxy, $"http://{Public}/first")).Error!.Code.Should().Be(ErrorCode.FetchFailed);

        proxy.Requests.Should().ContainSingle();
    }

    /// <summary>A connection to the proxy that is kept carries requests to any host: each is judged, not each connection.</summary>
    [Fact]
    public async Task A_name_that_nobody_here_can_look_up_goes_to_the_proxy()
    {
        using var proxy = new RawSite(_ => Page());

        (await FetchAsync(proxy, "http://unknown.example.net/")).Value.Status.Should().Be(200);

        proxy.Requests.Should().ContainSingle().Which.Should().StartWith("GET http://unknown.example.net/ ");
    }

    [Fact]
    public async Task A_password_is_sent_to_a_proxy_that_asks_for_it_and_to_nobody_else()
    {
        using var proxy = new RawSite(head =>
            head.Contains("Proxy-Authorization:", StringComparison.Ordinal)
                ? Page()
                : RawSite.Answer("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"x\"\r\n", [])
        );

        (await FetchAsync(proxy, $"http://{Public}/", "us%40er:p%3Aass@")).Value.Status.Should().Be(200);

        proxy.Requests[^1].Should().Contain($"Proxy-Authorization: Basic {Convert.ToBase64String("us@er:p:ass"u8)}\r\n");
    }

    [Theory]
    [InlineData("407 Proxy Authentication Required", "http")]
    [InlineData("407 Proxy Authentication Required", "https")]
    [InlineData("403 Forbidden", "https")]
    public async Task A_proxy_that_refuses_is_a_failure_like_every_other(string status, string scheme)
    {
        using var proxy = new RawSite(_ => RawSite.Answer(status, "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n", []));
        var trace = new FetchTrace();

        (await FetchAsync(proxy.Endpoint, $"{scheme}://{Public}/", trace: trace)).Error!.Code.Should().Be(ErrorCode.FetchFailed);

        trace.Failure.Should().Be("proxy_refused");
    }

    [Fact]
    public async Task A_proxy_that_is_gone_is_a_failure_like_every_other()
    {
        var proxy = new RawSite(_ => Page());
        proxy.Dispose();

        (await FetchAsync(proxy.Endpoint, $"http://{Public}/")).Error!.Code.Should().Be(ErrorCode.FetchFailed);
    }

    [Fact]
    public void The_proxy_itself_is_never_fetched()
    {
        var named = FetchPolicyReader
            .Read(new FetchOptions { Proxy = new Uri("http://user:secret@proxy.example.com:80") }, new ServerOptions())
            .Policy;
        FetchUrl.Parse("http://proxy.example.com/", named.Rules, out _).Should().BeNull();

        var numbered = FetchPolicyReader.Read(new FetchOptions { Proxy = new Uri($"http://{Public}:3128") }, new ServerOptions()).Policy;
        numbered.Addresses.Allows(IPAddress.Parse(Public), 80, HostNetworks.None).Should().BeFalse();
    }

    [Theory]
    [InlineData("https://proxy.example:1")]
    [InlineData("http://proxy.example:1/path")]
    [InlineData("http://proxy.example:1/?a=secret")]
    [InlineData("socks5://user:secret@proxy.example:1")]
    public void A_proxy_of_another_kind_is_refused_without_its_password(string proxy)
    {
        var result = new FetchOptionsValidator().Validate(null, new FetchOptions { Proxy = new Uri(proxy) });

        result.Failures.Should().ContainSingle().Which.Should().StartWith("FETCH_PROXY: ").And.NotContain("secret");
    }

    private static byte[] Page() => RawSite.Answer("200 OK", "Content-Type: text/html\r\n", "<p>the page"u8.ToArray());

    private static Task<Result<FetchReply>> FetchAsync(RawSite proxy, string url, string login = "") =>
        FetchAsync(proxy.Endpoint, url, login);

    private static async Task<Result<FetchReply>> FetchAsync(IPEndPoint proxy, string url, string login = "", FetchTrace? trace = null)
    {
        var options = new FetchOptions { Proxy = new Uri($"http://{login}127.0.0.1:{proxy.Port}") };
        var policy = FetchPolicyReader.Read(options, new ServerOptions()).Policy;
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(Options.Create(options))
            .AddSingleton(policy)
            .AddHttpFetching()
            .AddSingleton(new NameLookUps(LookUpAsync))
            .BuildServiceProvider();
        return FetchUrl.Parse(url, policy.Rules, out _) is { } parsed
            ? await services
                .GetRequiredService<IPageFetcher>()
                .FetchAsync(parsed, PageFormat.Html, null, "key_1", trace ?? new FetchTrace(), Waiting.Token)
                .InTime()
            : new RelayError(ErrorCode.UrlRejected, "refused");
    }

    private static Task<IPAddress[]> LookUpAsync(string name) =>
        name switch
        {
            "private.example.net." => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.0.0.1")]),
            "mixed.example.net." => Task.FromResult<IPAddress[]>([IPAddress.Parse(Public), IPAddress.Parse("192.168.0.1")]),
            _ => Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound)),
        };

    /// <summary>A proxy that takes one tunnel, and is the site behind it itself.</summary>
    private sealed class Tunnel : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _serving;

        public Tunnel()
        {
            _listener.Start();
            Endpoint = (IPEndPoint)_listener.LocalEndpoint;
            _serving = ServeAsync();
        }

        public IPEndPoint Endpoint { get; }

        public string Head { get; private set; } = string.Empty;

        public bool WasTls { get; private set; }

        public void Dispose()
        {
            _listener.Stop();
            _serving.Wait(Waiting.Token);
        }

        private async Task ServeAsync()
        {
            try
            {
                using var socket = await _listener.AcceptSocketAsync();
                await using var stream = new NetworkStream(socket);
                var buffer = new byte[4096];
                while (!Head.EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(buffer) is var read and > 0)
                {
                    Head += Encoding.ASCII.GetString(buffer, 0, read);
                }

                await stream.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray());
                using var key = RSA.Create(2048);
                using var certificate = new CertificateRequest(
                    "CN=nobody",
                    key,
                    HashAlgorithmName.SHA256,
                    RSASignaturePadding.Pkcs1
                ).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(99));
                await using var secure = new SslStream(stream);
                await secure.AuthenticateAsServerAsync(
                    (_, _, _, _) =>
                    {
                        WasTls = true;
                        return ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificate = certificate });
                    },
                    state: null
                );
            }
            catch (Exception exception)
                when (exception
                        is SocketException
                            or IOException
                            or ObjectDisposedException
                            or System.Security.Authentication.AuthenticationException
                )
            {
                // The relay does not trust the certificate, and leaves.
            }
        }
    }
}
