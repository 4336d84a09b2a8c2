using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ClaudeCode;
using Relay.Redis;

namespace Relay.UnitTests.Redis;

/// <summary>Kinds of servers: with TLS and users, and as a cluster.</summary>
public sealed class RedisConnectionTests : IDisposable
{
    private static readonly QuotaLimits Limits = new(100, 100, 100, 4, 10);

    private readonly TemporaryHome _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task TLS_works_with_a_user_a_password_and_a_private_authority()
    {
        WriteCertificates();
        string[] client = ["--tls", "--cacert", _files.File("ca.pem"), "--user", "alice", "-a", "p@ss/word", "--no-auth-warning"];
        using var server = RedisServer.Start(
            port =>
                [
                    "--port",
                    "0",
                    "--tls-port",
                    $"{port}",
                    "--tls-cert-file",
                    _files.File("server.pem"),
                    "--tls-key-file",
                    _files.File("server.key"),
                    "--tls-ca-cert-file",
                    _files.File("ca.pem"),
                    "--tls-auth-clients",
                    "no",
                    "--user",
                    "alice",
                    "on",
                    ">p@ss/word",
                    "~{f}:*",
                    "&{f}:*",
                    "+@all",
                    "--user",
                    "default",
                    "off",
                ],
            client
        );
        await using var relay = await RedisRelay.StartAsync(
            server,
            "f",
            adorn: options =>
                (options.State, options.CaFile) = (
                    $"localhost:{server.Port},ssl=true,user=alice,password=p@ss/word",
                    _files.File("ca.pem")
                ),
            beats: true
        );

        // On a busy machine the first handshake may take longer than the relay waits for it. The link tries again, and a beat finds out.
        await Waiting.UntilAsync(
            () => relay.Quotas.ChargeAsync("a", Any.Model(), Limits, 1, Waiting.Token).AsTask().GetAwaiter().GetResult().Charge is not null,
            "a charge is counted"
        );

        await using var trusting = await RedisRelay.StartAsync(
            server,
            "f",
            adorn: options =>
                (options.State, options.Timeout) = (
                    $"localhost:{server.Port},ssl=true,user=alice,password=p@ss/word",
                    TimeSpan.FromSeconds(1)
                )
        );
        (await trusting.Quotas.ChargeAsync("a", Any.Model(), Limits, 1, Waiting.Token))
            .Refusal!.Code.Should()
            .Be(ErrorCode.StateUnavailable, "nobody it trusts has signed that");
    }

    [Fact]
    public async Task A_cluster_takes_every_script()
    {
        using var server = RedisServer.Start("--cluster-enabled", "yes");
        server.Cli("cluster", "addslotsrange", "0", "16383");
        await Waiting.UntilAsync(() => server.Cli("cluster", "info").Contains("cluster_state:ok", StringComparison.Ordinal), "it is whole");
        await using var relay = await RedisRelay.StartAsync(server, "f");
        await relay.BeatAsync();
        var charge = (await relay.Quotas.ChargeAsync("a", Any.Model(), Limits with { Concurrency = 1 }, 1, Waiting.Token)).Charge!;
        var waiting = (await relay.Quotas.ChargeAsync("a", Any.Model(), Limits with { Concurrency = 1 }, 1, Waiting.Token)).Charge!;
        var place = relay.Quotas.WaitForPlaceAsync(waiting, () => 1, Waiting.Token);
        await relay.Quotas.SettleAsync(charge, Any.Model(), new Spending { Usage = new TokenUsage(1, 1, 1, 1, 2) }, 2, Waiting.Token);
        await place.InTime();
        await relay.Quotas.GiveBackAsync(waiting, Any.Model(), Waiting.Token);
        await relay.ToldAsync();
        (await relay.Keys.ChangeAsync<int>(_ => ((IReadOnlyList<ApiKey>)[Any.Key()], 0), Waiting.Token)).Error.Should().BeNull();
        (await relay.Keys.ReadChangesAsync(0, Waiting.Token)).Changes.Should().ContainSingle();
        await relay.Answers.ClaimAsync("n", "f", Waiting.Token);
        await relay.Answers.KeepAsync("n", "key_1", "f", new byte[10], Waiting.Token);

        (await relay.Quotas.PeekAsync("a", Limits, Waiting.Token)).Statuses.Select(status => status.Remaining).Should().Equal(99, 99, 800);
        (await relay.Usage.ReadAsync(null, DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(-1), Waiting.Token))
            .Should()
            .ContainSingle();
        relay.Outbox.Count.Should().Be(0);
    }

    [Fact]
    public async Task Relays_with_the_same_login_share_account_limits()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var fleet = $"t{Guid.NewGuid():N}";
        await using var one = await RedisRelay.StartAsync(RedisServer.Shared, fleet);
        await using var two = await RedisRelay.StartAsync(RedisServer.Shared, fleet);
        await using var other = await RedisRelay.StartAsync(RedisServer.Shared, fleet);
        var (login, foreign) = (LoginOf("sk-one"), LoginOf("sk-two"));
        login.Value.Should().Be(LoginOf("sk-one").Value).And.NotBe(foreign.Value).And.NotContain("sk-one");
        var (teller, listener, stranger) = (Limited(one, login, clock), Limited(two, login, clock), Limited(other, foreign, clock));

        teller.Report(
            new UpstreamPass(Any.Model(), []),
            new Spending { HitLimit = new UpstreamLimit("five_hour", clock.GetUtcNow().AddHours(1)) },
            succeeded: false
        );
        await one.ToldAsync();
        await HearAsync(one, login);
        await HearAsync(two, login);
        await HearAsync(other, foreign);

        listener.Find(Any.Model())!.RetryAfter.Should().BeCloseTo(TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(2));
        stranger.Find(Any.Model()).Should().BeNull();

        clock.Advance(TimeSpan.FromHours(2));
        listener.Report(listener.Enter(Any.Model()).Value, new Spending(), succeeded: true);
        await two.ToldAsync();
        await HearAsync(one, login);
        var pass = teller.Enter(Any.Model()).Value;
        pass.Probed.Should().BeEmpty("another has found out that it is over");
    }

    private static UpstreamLimits Limited(RedisRelay relay, LoginFingerprint login, TimeProvider clock) =>
        new(clock, new RedisUpstreamShare(relay.Link, relay.Fleet, relay.Outbox, login));

    private static async Task HearAsync(RedisRelay relay, LoginFingerprint login)
    {
        var fields = (StackExchange.Redis.RedisValue[])(await relay.BeatAsync(login.Value))[3]!;
        relay.Fleet.Hear(0, [], 0, [.. fields.Chunk(2).Select(pair => new StackExchange.Redis.HashEntry(pair[0], pair[1]))]);
    }

    private LoginFingerprint LoginOf(string key)
    {
        var options = Microsoft.Extensions.Options.Options.Create(new ClaudeCodeOptions { Auth = ClaudeAuth.ApiKey, ApiKey = key });
        return new LoginFingerprint(
            options,
            new ClaudeEnvironment(
                options,
                Microsoft.Extensions.Options.Options.Create(new Relay.Application.Completions.CompletionOptions()),
                new Microsoft.Extensions.Configuration.ConfigurationBuilder().Build(),
                _files.Home
            )
        );
    }

    private void WriteCertificates()
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=relay-test-authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var root = authority.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var server = request.Create(root, now.AddDays(-1), now.AddHours(12), [1, 2, 3]);
        File.WriteAllText(_files.File("ca.pem"), root.ExportCertificatePem());
        File.WriteAllText(_files.File("server.pem"), server.ExportCertificatePem());
        File.WriteAllText(_files.File("server.key"), serverKey.ExportPkcs8PrivateKeyPem());
    }
}
