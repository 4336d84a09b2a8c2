using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Relay.EndToEndTests.Harness;

/// <summary>A request that came to a test's site.</summary>
/// <param name="Address">The address it was sent to.</param>
/// <param name="Port">The port.</param>
/// <param name="Head">Everything before the body, as it came.</param>
internal sealed record SiteRequest(IPAddress Address, int Port, string Head)
{
    /// <summary>The target of the request: path and query.</summary>
    public string Target => Head.Split(' ')[1];

    /// <summary>A header's value; null for none.</summary>
    public string? Header(string name) =>
        Head.Split("\r\n")
            .FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
            ?[(name.Length + 1)..].Trim();
}

/// <summary>The kind of a site's certificate.</summary>
internal enum SiteCertificate
{
    /// <summary>Of the authority that the relay trusts.</summary>
    Good,

    /// <summary>Of that authority, and out of date.</summary>
    Expired,

    /// <summary>Of nobody.</summary>
    SelfSigned,

    /// <summary>Of that authority, which is said to be found on a private address.</summary>
    WithPrivateIssuerAddress,

    /// <summary>The same, of one in between that is not sent.</summary>
    WithMissingIssuer,
}

/// <summary>The behaviour of a site.</summary>
/// <param name="Answer">Answers one request, on a connection that is closed then.</param>
/// <param name="Certificate">The certificate that it shows for TLS.</param>
/// <param name="Handshake">Replaces the rest of a TLS handshake; null for an ordinary one.</param>
/// <param name="KeepsAlive">Whether a connection is for more than one request.</param>
internal sealed record Site(
    Func<SiteRequest, Stream, CancellationToken, Task> Answer,
    SiteCertificate Certificate = SiteCertificate.Good,
    Func<Stream, CancellationToken, Task>? Handshake = null,
    bool KeepsAlive = false
)
{
    /// <summary>Sends bytes, whatever is asked for.</summary>
    public static Site Sending(byte[] response) =>
        new(async (_, stream, cancellationToken) => await stream.WriteAsync(response, cancellationToken));

    /// <summary>Sends a response.</summary>
    public static Site Sending(int status, string headers, byte[] body) => Sending(Response(status, headers, body));

    /// <summary>Sends a page.</summary>
    public static Site Page(string html) => Sending(200, "Content-Type: text/html; charset=utf-8\r\n", Encoding.UTF8.GetBytes(html));

    /// <summary>A response as bytes; headers end in CRLF each.</summary>
    public static byte[] Response(int status, string headers, byte[] body)
    {
        var hasLength = headers.Contains("Content-Length", StringComparison.Ordinal) || status is 204 or 304;
        var length = hasLength ? string.Empty : $"Content-Length: {body.Length}\r\n";
        return [.. Encoding.UTF8.GetBytes($"HTTP/1.1 {status} Status\r\n{headers}{length}\r\n"), .. body];
    }
}

/// <summary>Web sites by their names, over real sockets, with real TLS by a certificate authority of the test's own.</summary>
internal sealed class TestSites : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Socket> _listeners = [];
    private readonly ConcurrentDictionary<(string Name, SiteCertificate), SslStreamCertificateContext> _certificates = new();
    private readonly X509Certificate2 _authority = MakeAuthority("CN=Authority of a test");
    private readonly X509Certificate2 _unknownIssuer;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public TestSites() => _unknownIssuer = MakeIntermediate();

    /// <summary>Sites by host name, as the certificate's or the request's host says.</summary>
    public ConcurrentDictionary<string, Site> Sites { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The behaviour of hosts without a site.</summary>
    public Site Everybody { get; set; } = Site.Page("<p>hi</p>");

    /// <summary>Every connection: to which address and port.</summary>
    public ConcurrentQueue<IPEndPoint> Connections { get; } = new();

    /// <summary>Every request, by host.</summary>
    public ConcurrentQueue<(string Host, SiteRequest Request)> Requests { get; } = new();

    /// <summary>The authority's certificate, as a file that OpenSSL reads.</summary>
    public string AuthorityPem => _authority.ExportCertificatePem();

    /// <summary>Serves connections of a listening socket.</summary>
    public void Listen(Socket listener, bool tls)
    {
        _listeners.Add(listener);
        _ = Task.Run(async () =>
        {
            while (!_stopping.IsCancellationRequested)
            {
                try
                {
                    _ = ServeAsync(await listener.AcceptAsync(_stopping.Token), tls);
                }
                catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
                {
                    // The end.
                }
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Cancel();
        _listeners.ForEach(listener => listener.Dispose());
        _authority.Dispose();
        _unknownIssuer.Dispose();
    }

    private async Task ServeAsync(Socket socket, bool tls)
    {
        var local = (IPEndPoint)socket.LocalEndPoint!;
        var address = local.Address.IsIPv4MappedToIPv6 ? local.Address.MapToIPv4() : local.Address;
        Connections.Enqueue(new IPEndPoint(address, local.Port));
        await using var connection = new NetworkStream(socket, ownsSocket: true);
        try
        {
            Stream stream = connection;
            if (tls)
            {
                var name = string.Empty;
                var secure = new SslStream(connection);
                await secure.AuthenticateAsServerAsync(
                    async (_, hello, _, _) =>
                    {
                        name = hello.ServerName;
                        var called = Find(name);
                        if (called.Handshake is { } instead)
                        {
                            await instead(connection, _stopping.Token);
                        }

                        return new SslServerAuthenticationOptions
                        {
                            ServerCertificateContext = CertificateOf(name),
                            ApplicationProtocols = [SslApplicationProtocol.Http11],
                        };
                    },
                    null,
                    _stopping.Token
                );
                stream = secure;
            }

            await using (stream)
            {
                Site site;
                do
                {
                    var head = await ReadHeadAsync(stream);
                    if (head.Length == 0)
                    {
                        return;
                    }

                    var request = new SiteRequest(address, local.Port, head);
                    var host = (request.Header("Host") ?? string.Empty).Split(':')[0];
                    Requests.Enqueue((host, request));
                    site = Find(host);
                    await site.Answer(request, stream, _stopping.Token);
                } while (site.KeepsAlive);

                if (stream is SslStream secure)
                {
                    await secure.ShutdownAsync();
                }

                socket.Shutdown(SocketShutdown.Send);
            }
        }
        catch (Exception exception)
            when (exception
                    is IOException
                        or OperationCanceledException
                        or AuthenticationException
                        or SocketException
                        or ObjectDisposedException
            )
        {
            // A client that went away; what it said is in the relay's answer.
        }
    }

    private Site Find(string host) => Sites.TryGetValue(host, out var site) ? site : Everybody;

    private async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(buffer, _stopping.Token);
            if (read == 0)
            {
                return string.Empty;
            }

            head.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }

        return head.ToString();
    }

    private SslStreamCertificateContext CertificateOf(string name) =>
        _certificates.GetOrAdd(
            (name, Find(name).Certificate),
            one => SslStreamCertificateContext.Create(MakeCertificate(one.Name, one.Item2), null, offline: true)
        );

    private X509Certificate2 MakeCertificate(string name, SiteCertificate kind)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=" + (name.Length > 60 ? name[..60] : name), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        var now = Now;
        var (from, to) = kind == SiteCertificate.Expired ? (now.AddDays(-20), now.AddDays(-10)) : (now.AddDays(-10), now.AddDays(10));
        if (kind == SiteCertificate.SelfSigned)
        {
            return request.CreateSelfSigned(from, to);
        }

        if (kind is SiteCertificate.WithPrivateIssuerAddress or SiteCertificate.WithMissingIssuer)
        {
            request.CertificateExtensions.Add(
                new X509AuthorityInformationAccessExtension(["http://127.0.0.1/ocsp"], ["http://127.0.0.1/ca.crt"])
            );
        }

        var issuer = kind == SiteCertificate.WithMissingIssuer ? _unknownIssuer : _authority;
        using var bare = request.Create(issuer, from, to, RandomNumberGenerator.GetBytes(12));
        return bare.CopyWithPrivateKey(key);
    }

    private static X509Certificate2 MakeAuthority(string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Authority(name, key).CreateSelfSigned(Now.AddDays(-30), Now.AddDays(30));
    }

    private X509Certificate2 MakeIntermediate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var bare = Authority("CN=In between", key)
            .Create(_authority, Now.AddDays(-29), Now.AddDays(29), RandomNumberGenerator.GetBytes(12));
        return bare.CopyWithPrivateKey(key);
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true)
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true)
        );
        return request;
    }
}
