using System.Diagnostics;
using System.Net.Sockets;
using Relay.UnitTests.Support;

namespace Relay.EndToEndTests.Harness;

/// <summary>
/// Relays that share one real Redis. Each has its settings where an operator puts them: in <c>config.env</c>, which the commands read, too.
/// </summary>
internal sealed class RelayFleet : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Func<(string Name, string Value)[], Task<RelayProgram>> _start;
    private readonly Dictionary<string, (RelayProgram Relay, int Port)> _relays = new(StringComparer.Ordinal);
    private Process? _balancer;

    private string BalancerSocket => Path.Combine(_directory.Path, "haproxy.sock");

    private RelayFleet(Func<(string Name, string Value)[], Task<RelayProgram>> start) => _start = start;

    /// <summary>The server that they share.</summary>
    public RedisServer Redis { get; } = RedisServer.Start("--appendonly", "yes");

    /// <summary>Those that run, in the order of their names.</summary>
    public IReadOnlyList<RelayProgram> Relays =>
        [.. _relays.OrderBy(relay => relay.Key, StringComparer.Ordinal).Select(relay => relay.Value.Relay)];

    /// <summary>The relay of a name.</summary>
    public RelayProgram this[string name] => _relays[name].Relay;

    /// <summary>Speaks to the balancer, as patiently as it takes.</summary>
    public HttpClient Balancer { get; private set; } = null!;

    /// <summary>Starts relays of these names, ready to serve.</summary>
    /// <param name="names">Their <c>RELAY_NAME</c>s.</param>
    /// <param name="start">Starts one with these settings added to its own.</param>
    public static async Task<RelayFleet> StartAsync(string[] names, Func<(string Name, string Value)[], Task<RelayProgram>> start)
    {
        var fleet = new RelayFleet(start);
        try
        {
            await Task.WhenAll(names.Select(name => fleet.StartAsync(name, UserSystemd.FreePort())));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a relay that has ended anew: at its address, with its home.</summary>
    public async Task StartAgainAsync(string name)
    {
        await this[name].DisposeAsync();
        await StartAsync(name, _relays[name].Port);
    }

    /// <summary>Puts <c>deploy/proxy/haproxy.cfg</c> in front of three relays: only the addresses are replaced.</summary>
    public async Task StartBalancerAsync()
    {
        var port = UserSystemd.FreePort();
        var file = Path.Combine(_directory.Path, "haproxy.cfg");
        var text = await File.ReadAllTextAsync(
            Path.Combine(TestMachine.Root, "deploy", "proxy", "haproxy.cfg"),
            TestContext.Current.CancellationToken
        );
        text = text.Replace("127.0.0.1:8800", $"127.0.0.1:{port}", StringComparison.Ordinal);
        foreach (
            var (number, relay) in _relays
                .OrderBy(relay => relay.Key, StringComparer.Ordinal)
                .Select((relay, index) => (index + 1, relay.Value))
        )
        {
            text = text.Replace($"127.0.0.1:880{number}", $"127.0.0.1:{relay.Port}", StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            file + ".stats",
            $"global\n    stats socket {BalancerSocket}\n",
            TestContext.Current.CancellationToken
        );
        _balancer = Process.Start(
            new ProcessStartInfo("sh", ["-c", "exec haproxy -db -f \"$0\" -f \"$0.stats\" >\"$0.log\" 2>&1", file])
            {
                UseShellExecute = false,
            }
        )!;
        Balancer = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(10) };
        await TestMachine.EventuallyAsync(
            () => _balancer.HasExited || Connects(port),
            TimeSpan.FromSeconds(20),
            "the balancer does not listen"
        );
        Assert.False(_balancer.HasExited, "HAProxy does not take its configuration.");
    }

    /// <summary>
    /// Mints a key with further arguments of <c>relayctl keys add</c>, and waits until every relay knows it, and until the balancer asks
    /// every relay: the test before may have stopped some.
    /// </summary>
    public async Task<string> MintAsync(string label, params string[] options)
    {
        var key = await Relays[0].MintAsync(label, options);
        foreach (var relay in Relays.Skip(1))
        {
            await relay.EventuallyAsync(
                async () => (await relay.GetAsync("/v1/models", key)).Status == 200,
                "a relay does not know the key"
            );
        }

        if (_balancer is not null)
        {
            await TestMachine.EventuallyAsync(
                () => ServersUp() == _relays.Count,
                TimeSpan.FromSeconds(30),
                "the balancer does not ask every relay"
            );
        }

        return key;
    }

    public async ValueTask DisposeAsync()
    {
        if (_balancer is not null)
        {
            _balancer.Kill();
            await _balancer.WaitForExitAsync(CancellationToken.None);
            _balancer.Dispose();
            Balancer.Dispose();
        }

        foreach (var relay in Relays)
        {
            await relay.DisposeAsync();
        }

        Redis.Dispose();
        _directory.Dispose();
    }

    private async Task StartAsync(string name, int port)
    {
        var home = Directory
            .CreateDirectory(Path.Combine(_directory.Path, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute)
            .FullName;
        // More patient than by default, for the machine that runs the tests may be busy.
        await File.WriteAllTextAsync(
            Path.Combine(home, "config.env"),
            $"STATE={Redis.Address}\nRELAY_NAME={name}\nSTATE_TIMEOUT=5s\n",
            TestContext.Current.CancellationToken
        );
        var relay = await _start([("RELAY_HOME", home), ("PORT", $"{port}")]);
        lock (_relays)
        {
            _relays[name] = (relay, port);
        }
    }

    /// <summary>The number of relays that the balancer takes for ready, by its own statistics.</summary>
    private int ServersUp()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(BalancerSocket));
        using var stream = new NetworkStream(socket);
        stream.Write("show stat\n"u8);
        using var reader = new StreamReader(stream);
        return reader
            .ReadToEnd()
            .Split('\n')
            .Select(line => line.Split(','))
            .Count(fields => fields[0] == "relays" && fields[1].StartsWith("relay-", StringComparison.Ordinal) && fields.Contains("UP"));
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
}
