using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// Anthropic's hosts as Claude Code meets them past its base URL: a proxy on loopback, with its own certificate, behind which the
/// profile of an account is read and a login's token is renewed. A refresh token is good for one renewal, as in earnest.
/// </summary>
internal sealed class AnthropicAccounts : IAsyncDisposable
{
    /// <summary>Longer than a process is given to end by itself.</summary>
    private static readonly TimeSpan RenewalTime = TimeSpan.FromSeconds(2);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 _certificate = MakeCertificate();
    private readonly string _directory = TestMachine.NewDirectory();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly Lock _lock = new();
    private readonly Task _serving;
    private string _refreshToken = PlantedHome.RefreshToken;
    private int _renewals;

    public AnthropicAccounts()
    {
        File.WriteAllText(Authority, _certificate.ExportCertificatePem());
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>The address in the account's profile, and in the answer to a renewal.</summary>
    public const string EmailAddress = "operator@profile.example";

    /// <summary>The account's id in both.</summary>
    public const string AccountId = "5d4ff0ca-96a2-4b41-9b5d-0d4c2c1a6b11";

    /// <summary>Settings that lead Claude Code here.</summary>
    public (string Name, string Value)[] Settings =>
        [
            ("CLAUDE_PASS_ENV", "HTTPS_PROXY,NO_PROXY,NODE_EXTRA_CA_CERTS"),
            ("HTTPS_PROXY", $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}"),
            ("NO_PROXY", "127.0.0.1"),
            ("NODE_EXTRA_CA_CERTS", Authority),
        ];

    /// <summary>The request lines so far.</summary>
    public IReadOnlyList<string> Asked => [.. _asked];

    /// <summary>The login's access token by now.</summary>
    public string AccessToken => _renewals == 0 ? PlantedHome.Token : $"sk-ant-oat01-renewed-{_renewals}";

    private string Authority => Path.Combine(_directory, "authority.pem");

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _serving;
        _certificate.Dispose();
        _stopping.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task ServeAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stopping.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            var plain = client.GetStream();
            await ReadHeadAsync(plain);
            await plain.WriteAsync("HTTP/1.1 200 Connected\r\n\r\n"u8.ToArray(), _stopping.Token);
            await using var stream = new SslStream(plain);
            await stream.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions { ServerCertificate = _certificate },
                _stopping.Token
            );
            var head = await ReadHeadAsync(stream);
            var line = head.Split('\r', 2)[0];
            _asked.Enqueue(line);
            var length = head.Split("\r\n")
                .FirstOrDefault(header => header.StartsWith("content-length:", StringComparison.OrdinalIgnoreCase))
                is { } header
                ? int.Parse(header.Split(':')[1])
                : 0;
            var body = new byte[length];
            await stream.ReadExactlyAsync(body, _stopping.Token);
            if (line.Contains("/oauth/token", StringComparison.Ordinal))
            {
                await Task.Delay(RenewalTime, _stopping.Token);
            }

            var (status, answer) = Answer(line, Encoding.UTF8.GetString(body));
            await stream.WriteAsync(
                Encoding.UTF8.GetBytes(
                    $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nrequest-id: req_test\r\nContent-Length: "
                        + $"{Encoding.UTF8.GetByteCount(answer)}\r\nConnection: close\r\n\r\n{answer}"
                ),
                _stopping.Token
            );
        }
        catch (Exception exception)
            when (exception is IOException or OperationCanceledException or System.Security.Authentication.AuthenticationException)
        {
            // Claude Code ended, or the test has.
        }
    }

    private (string Status, string Answer) Answer(string line, string body)
    {
        var organization = new
        {
            uuid = AccountId,
            name = EmailAddress,
            organization_type = "claude_max",
            rate_limit_tier = "default_claude_max_5x",
            billing_type = "stripe_subscription",
        };
        if (line.Contains("/api/oauth/profile", StringComparison.Ordinal))
        {
            var account = new
            {
                uuid = AccountId,
                email = EmailAddress,
                full_name = EmailAddress,
                display_name = EmailAddress,
                created_at = "2024-01-01T00:00:00Z",
            };
            return ("200 OK", JsonSerializer.Serialize(new { account, organization }));
        }

        if (!line.Contains("/oauth/token", StringComparison.Ordinal))
        {
            return ("404 Not Found", "{}");
        }

        lock (_lock)
        {
            if (JsonDocument.Parse(body).RootElement.GetProperty("refresh_token").GetString() != _refreshToken)
            {
                return ("400 Bad Request", """{"error":"invalid_grant"}""");
            }

            _refreshToken = $"sk-ant-ort01-renewed-{++_renewals}";
            return (
                "200 OK",
                JsonSerializer.Serialize(
                    new
                    {
                        token_type = "Bearer",
                        access_token = AccessToken,
                        refresh_token = _refreshToken,
                        expires_in = 28800,
                        scope = "user:inference user:profile",
                        account = new { uuid = AccountId, email_address = EmailAddress },
                        organization,
                    }
                )
            );
        }
    }

    private async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, _stopping.Token);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=a test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("api.anthropic.com");
        names.AddDnsName("platform.claude.com");
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
