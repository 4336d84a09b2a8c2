using System.Net;
using System.Net.Sockets;
using Relay.FakeClaude;

namespace Relay.EndToEndTests.Harness;

/// <summary>Classes that share a relay in a made-up internet, one after the other.</summary>
[CollectionDefinition(nameof(TestInternet))]
public sealed class TestInternetTests : ICollectionFixture<TestInternet>;

/// <summary>
/// Two networks of this machine, with a cable between: in one are relays, in the other is everything else. There every
/// address answers, public or not, on ports 80 and 443, and by the names that a test sets; so that what the relay does not
/// ask is not asked because of the relay.
/// </summary>
public sealed class TestInternet : IAsyncLifetime
{
    private const string RelaySide = "10.213.7.2";
    private const string FarSide = "10.213.7.1";

    /// <summary>A public address of the relays' machine, and its network.</summary>
    public const string OwnPublicAddress = "93.184.220.1";

    /// <summary>A public address that refuses connections.</summary>
    public const string UnreachableAddress = "93.184.216.1";

    /// <summary>A public address that swallows them.</summary>
    public const string SilentAddress = "93.184.216.2";

    private readonly string _directory = TestMachine.NewDirectory();
    private InternetRelay? _shared;
    private NetworkNamespace _near = null!;
    private NetworkNamespace _far = null!;

    internal NameServer Names { get; private set; } = null!;

    internal TestSites Sites { get; } = new();

    /// <summary>Connections to the relay's own machine, on ports 80 and 443: there must be none.</summary>
    internal TestSites NearSites { get; } = new();

    /// <summary>Connections to ports that only a proxy would have: there must be none.</summary>
    internal TestSites Proxies { get; } = new();

    /// <inheritdoc/>
    public ValueTask InitializeAsync()
    {
        var suffix = Guid.NewGuid().ToString("N")[..8];
        _near = new NetworkNamespace($"crk-near-{suffix}");
        _far = new NetworkNamespace($"crk-far-{suffix}");
        _near.Run("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", _far.Name);
        _near.Run("addr", "add", $"{RelaySide}/30", "dev", "near");
        _near.Run("addr", "add", $"{OwnPublicAddress}/24", "dev", "lo");
        _near.Run("addr", "add", "fd13:7::2/64", "dev", "near", "nodad");
        _near.Run("link", "set", "near", "up");
        _far.Run("addr", "add", $"{FarSide}/30", "dev", "far");
        _far.Run("addr", "add", "fd13:7::1/64", "dev", "far", "nodad");
        _far.Run("link", "set", "far", "up");
        _near.Run("route", "add", "default", "via", FarSide);
        _near.Run("-6", "route", "add", "default", "via", "fd13:7::1");
        // Every address is its own.
        _far.Run("route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "main");
        _far.Run("-6", "route", "add", "local", "::/0", "dev", "lo", "table", "main");
        // But for some of which nobody answers, or says that there is nobody.
        _far.Run("route", "add", "unreachable", UnreachableAddress);
        _far.Run("route", "add", "blackhole", SilentAddress);

        Names = new NameServer(
            _far.Make(() => Bind(SocketType.Dgram, ProtocolType.Udp)),
            _far.Make(() => Bind(SocketType.Stream, ProtocolType.Tcp))
        );
        Sites.Listen(_far.Make(() => Listen(80)), tls: false);
        Sites.Listen(_far.Make(() => Listen(443)), tls: true);
        NearSites.Listen(_near.Make(() => Listen(80)), tls: false);
        NearSites.Listen(_near.Make(() => Listen(443)), tls: true);
        Proxies.Listen(_far.Make(() => Listen(3128)), tls: false);
        File.WriteAllText(Path.Combine(_directory, "resolv.conf"), $"nameserver {FarSide}\noptions timeout:1 attempts:1\n");
        File.WriteAllText(Path.Combine(_directory, "hosts"), "127.0.0.1 localhost\n192.168.7.7 www-dns-026.example.org\n");
        File.WriteAllText(Path.Combine(_directory, "ca.pem"), Sites.AuthorityPem);
        Directory.CreateDirectory(Path.Combine(_directory, "no-authorities"));
        return ValueTask.CompletedTask;
    }

    /// <summary>A relay with the usual settings for tests that leave it as they found it; started when first asked for.</summary>
    internal async Task<InternetRelay> SharedRelayAsync() => _shared ??= await StartRelayAsync();

    /// <summary>Starts a relay in the near network, with a key, a proxy in its environment and limits that no test meets.</summary>
    internal async Task<InternetRelay> StartRelayAsync(bool withIcu = false, params (string Name, string Value)[] settings)
    {
        var claudeDirectory = TestMachine.NewDirectory();
        var claude = FakeClaudeInstall.Install(claudeDirectory, new FakeScript());
        const string proxy = "http://203.0.113.9:3128";
        var wrapper =
            $"mount --bind {_directory}/resolv.conf /etc/resolv.conf && mount --bind {_directory}/hosts /etc/hosts && "
            + (
                withIcu
                    ? $"dotnet=$1; shift; exec nsenter --net={_near.Path} \"$dotnet\" exec --runtimeconfig {WriteRuntimeConfig()} \"$@\""
                    : $"exec nsenter --net={_near.Path} \"$@\""
            );
        var program = await RelayProgram.StartAsync(
            [
                ("CLAUDE_BIN", claude),
                ("CLAUDE_AUTH", "bedrock"),
                ("AWS_REGION", "of-a-test"),
                ("SANDBOX", "off"),
                ("WARM_PROCESSES", "0"),
                ("WARM_PROFILES", "0"),
                ("FETCH_RPM", "100000"),
                ("FETCH_DAILY", "100000"),
                ("FETCH_CONCURRENCY", "64"),
                ("FETCH_PER_KEY_CONCURRENCY", "64"),
                ("SSL_CERT_FILE", Path.Combine(_directory, "ca.pem")),
                ("SSL_CERT_DIR", Path.Combine(_directory, "no-authorities")),
                ("HTTP_PROXY", proxy),
                ("http_proxy", proxy),
                ("HTTPS_PROXY", proxy),
                ("https_proxy", proxy),
                ("ALL_PROXY", proxy),
                ("NO_PROXY", "example.com"),
                .. settings,
            ],
            wrapper: ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", wrapper, "sh"],
            connect: async (endpoint, cancellationToken) =>
            {
                var socket = _near.Make(() =>
                    new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }
                );
                await socket.ConnectAsync(IPEndPoint.Parse($"{endpoint.Host}:{endpoint.Port}"), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
        );
        return new InternetRelay(program, await program.MintAsync("app"), claudeDirectory);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_shared is not null)
        {
            await _shared.DisposeAsync();
        }

        Names.Dispose();
        Sites.Dispose();
        NearSites.Dispose();
        Proxies.Dispose();
        _near.Dispose();
        _far.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The relay's own, but with the platform's globalization.</summary>
    private string WriteRuntimeConfig()
    {
        var own = File.ReadAllText(
            TestMachine.ProgramOf("Relay.Api", "Relay.Api").Replace(".dll", ".runtimeconfig.json", StringComparison.Ordinal)
        );
        var file = Path.Combine(_directory, "icu.runtimeconfig.json");
        File.WriteAllText(
            file,
            own.Replace("\"System.Globalization.Invariant\": true", "\"System.Globalization.Invariant\": false", StringComparison.Ordinal)
        );
        return file;
    }

    private static Socket Listen(int port)
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen(512);
        return socket;
    }

    private static Socket Bind(SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        socket.Bind(new IPEndPoint(IPAddress.Parse(FarSide), 53));
        if (type == SocketType.Stream)
        {
            socket.Listen(64);
        }

        return socket;
    }
}

/// <summary>A relay in a test's Internet, with one key.</summary>
/// <param name="Program">The relay.</param>
/// <param name="Key">The key.</param>
/// <param name="ClaudeDirectory">The directory of its fake CLI.</param>
internal sealed record InternetRelay(RelayProgram Program, string Key, string ClaudeDirectory) : IAsyncDisposable
{
    /// <summary>Posts a fetch.</summary>
    public Task<RelayAnswer> FetchAsync(object body, CancellationToken? cancellationToken = null) =>
        Program.PostAsync("/v1/fetch", Key, body, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Program.DisposeAsync();
        Directory.Delete(ClaudeDirectory, recursive: true);
    }
}
