using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.FakeClaude;

namespace Relay.EndToEndTests;

/// <summary>The proxies' snippets of <c>deploy/proxy</c>, in the real proxies: only names, ports and certificates are replaced.</summary>
public sealed class ProxyTests
{
    private const string Name = "relay.example.com";

    private const int Pieces = 4;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    [OnlyWithAll]
    [Theory(Timeout = 180_000)]
    [InlineData("nginx")]
    [InlineData("caddy")]
    public async Task A_stream_comes_through_as_it_is_written_and_a_foreign_host_does_not(string proxy)
    {
        await using var relay = await FakeRelay.StartAsync(
            new FakeScript
            {
                TimedDeltas = true,
                Deltas = Pieces,
                DeltaDelayMs = (int)Pause.TotalMilliseconds,
            },
            ("ALLOWED_HOSTS", $"localhost,127.0.0.1,{Name}")
        );
        using var directory = new TemporaryDirectory();
        var port = UserSystemd.FreePort();
        var upstream = relay.Program.Http.BaseAddress!.Authority;
        using var process = Process.Start(
            proxy == "nginx" ? await NginxAsync(directory.Path, port, upstream) : await CaddyAsync(directory.Path, port, upstream)
        )!;
        try
        {
            var http = await ClientAsync(process, port, secure: proxy == "nginx");
            using (http)
            {
                using var request = Request(http, relay.Key, Name);
                using var response = await http.SendAsync(
                    request,
                    HttpCompletionOption.ResponseHeadersRead,
                    TestContext.Current.CancellationToken
                );
                response.StatusCode.Should().Be(HttpStatusCode.OK);
                response.Content.Headers.ContentType!.MediaType.Should().Be("text/event-stream");
                using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
                var came = new List<TimeSpan>();
                var watch = Stopwatch.StartNew();
                while (await lines.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                {
                    if (line.StartsWith("event: delta", StringComparison.Ordinal))
                    {
                        came.Add(watch.Elapsed);
                    }
                }

                came.Should().HaveCount(Pieces);
                (came[^1] - came[0]).Should().BeGreaterThan(Pause * (Pieces - 2), "a proxy that buffers hands all over at once");

                using var foreign = Request(http, relay.Key, "rebound.example.net");
                using var refusal = await http.SendAsync(foreign, TestContext.Current.CancellationToken);
                if (proxy == "nginx")
                {
                    ((int)refusal.StatusCode).Should().Be(421);
                }
                else
                {
                    (await refusal.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken))
                        .Should()
                        .BeEmpty("Caddy has no site of that name, and answers nothing");
                }

                relay
                    .Program.Log.Should()
                    .NotContain(line => line.Contains("wrong_host", StringComparison.Ordinal), "it never reached the relay");
            }
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static string Snippet(string file) => File.ReadAllText(Path.Combine(TestMachine.Root, "deploy", "proxy", file));

    private static async Task<ProcessStartInfo> NginxAsync(string directory, int port, string upstream)
    {
        using var key = RSA.Create(2048);
        var asked = new CertificateRequest($"CN={Name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = asked.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllTextAsync(
            Path.Combine(directory, "fullchain.pem"),
            certificate.ExportCertificatePem(),
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(
            Path.Combine(directory, "privkey.pem"),
            key.ExportPkcs8PrivateKeyPem(),
            TestContext.Current.CancellationToken
        );
        var snippet = Snippet("nginx.conf")
            .Replace("listen 443", $"listen 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace("127.0.0.1:8799", upstream, StringComparison.Ordinal)
            .Replace($"/etc/letsencrypt/live/{Name}", directory, StringComparison.Ordinal);
        var file = Path.Combine(directory, "nginx.conf");
        await File.WriteAllTextAsync(
            file,
            $$"""
            daemon off;
            pid {{directory}}/pid;
            error_log stderr;
            events {}
            http {
              access_log off;
              client_body_temp_path {{directory}}/body; proxy_temp_path {{directory}}/proxy; fastcgi_temp_path {{directory}}/f; uwsgi_temp_path {{directory}}/u; scgi_temp_path {{directory}}/s;
              {{snippet}}
            }
            """,
            TestContext.Current.CancellationToken
        );
        return new ProcessStartInfo("nginx", ["-p", directory, "-c", file]);
    }

    private static async Task<ProcessStartInfo> CaddyAsync(string directory, int port, string upstream)
    {
        var snippet = Snippet("Caddyfile")
            .Replace($"{Name} {{", $"http://{Name}:{port} {{", StringComparison.Ordinal)
            .Replace("127.0.0.1:8799", upstream, StringComparison.Ordinal);
        var file = Path.Combine(directory, "Caddyfile");
        await File.WriteAllTextAsync(
            file,
            "{\n\tadmin off\n\tlog {\n\t\tlevel ERROR\n\t}\n\tdefault_bind 127.0.0.1\n}\n" + snippet,
            TestContext.Current.CancellationToken
        );
        var start = new ProcessStartInfo("caddy", ["run", "--adapter", "caddyfile", "--config", file]);
        start.Environment["HOME"] = directory;
        return start;
    }

    /// <summary>A client that finds the proxy under the relay's name, once it listens.</summary>
    private static async Task<HttpClient> ClientAsync(Process proxy, int port, bool secure)
    {
        await TestMachine.EventuallyAsync(() => proxy.HasExited || Connects(port), TimeSpan.FromSeconds(20), "the proxy does not listen");
        proxy.HasExited.Should().BeFalse("its configuration is good");
        var handler = new SocketsHttpHandler();
        if (secure)
        {
            // By hand: HttpClient would take the name for the handshake from the Host header, and the handshake would refuse a foreign one.
            handler.ConnectCallback = async (context, cancellationToken) =>
            {
                var tls = new SslStream(
                    new NetworkStream(await ConnectAsync(context.DnsEndPoint, cancellationToken), ownsSocket: true),
                    leaveInnerStreamOpen: false
                );
                await tls.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = Name,
                        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == $"CN={Name}",
                    },
                    cancellationToken
                );
                return tls;
            };
        }

        return new HttpClient(handler) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
    }

    private static async Task<Socket> ConnectAsync(EndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address, cancellationToken);
        return socket;
    }

    private static bool Connects(int port)
    {
        try
        {
            using var socket = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static HttpRequestMessage Request(HttpClient http, string key, string host)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(http.BaseAddress!, "/v1/complete"))
        {
            Content = JsonContent.Create(new { prompt = "hi", stream = true }),
        };
        request.Headers.Host = host;
        request.Headers.Add("x-api-key", key);
        return request;
    }
}
