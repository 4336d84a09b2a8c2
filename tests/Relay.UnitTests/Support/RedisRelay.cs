using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Idempotency;
using Relay.Domain;
using Relay.Redis;
using StackExchange.Redis;

namespace Relay.UnitTests.Support;

/// <summary>A relay's part of a shared state, without the rest of the relay.</summary>
internal sealed class RedisRelay : IAsyncDisposable
{
    private RedisRelay(StateOptions options, TimeProvider? scripts, TimeProvider clock, long maxBytes)
    {
        Link = new RedisLink(Options.Create(options), TimeProvider.System, Log)
        {
            ClockOfTest = scripts is null
                ? null
                : () => (scripts.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
        };
        Instance = new RelayInstance(Options.Create(options), clock);
        Fleet = new FleetView(Link);
        Outbox = new Outbox(Link, TimeProvider.System, NullLogger<Outbox>.Instance);
        Quotas = new RedisQuotaStore(Link, Instance, Outbox, clock);
        Usage = new RedisUsageReader(Link, clock, Outbox);
        Keys = new RedisKeyRepository(Link);
        Answers = new RedisIdempotencyStore(Link, Instance, Outbox, Options.Create(new IdempotencyOptions()), maxBytes);
    }

    private readonly CancellationTokenSource _ending = new();
    private Task _beating = Task.CompletedTask;
    private bool _isOver;

    public LogLines<RedisLink> Log { get; } = new();

    public RedisLink Link { get; }

    public RelayInstance Instance { get; }

    public FleetView Fleet { get; }

    public Outbox Outbox { get; }

    public RedisQuotaStore Quotas { get; }

    public RedisUsageReader Usage { get; }

    public RedisKeyRepository Keys { get; }

    public RedisIdempotencyStore Answers { get; }

    /// <summary>Joins a fleet.</summary>
    /// <param name="server">The server that it shares.</param>
    /// <param name="fleet">The fleet's name: the namespace.</param>
    /// <param name="clock">Gives the scripts and the relay this clock; null for the server's and the system's.</param>
    /// <param name="adorn">Changes its options.</param>
    /// <param name="maxBytes">The bytes of answers that are kept at most.</param>
    /// <param name="beats">Whether it gives signs of life by itself, as a real one does. They also find out that a server is back.</param>
    public static async Task<RedisRelay> StartAsync(
        RedisServer server,
        string fleet,
        TimeProvider? clock = null,
        Action<StateOptions>? adorn = null,
        long maxBytes = IdempotencyOptions.MaxBytes,
        bool beats = false
    )
    {
        // Patient, for the machine that runs tests may be busy; what is about time sets its own.
        var options = new StateOptions
        {
            State = server.Address,
            Namespace = fleet,
            Timeout = TimeSpan.FromSeconds(10),
        };
        adorn?.Invoke(options);
        var relay = new RedisRelay(options, clock, clock ?? TimeProvider.System, maxBytes);
        await relay.Link.StartAsync(Waiting.Token);
        await relay.Outbox.StartAsync(Waiting.Token);
        if (beats)
        {
            relay._beating = relay.BeatOnAsync();
        }

        return relay;
    }

    /// <summary>A sign of life: its leases hold on.</summary>
    public async Task<RedisResult[]> BeatAsync(string login = "login") =>
        (RedisResult[])
            (
                await Link.ProbeAsync(
                    RedisScripts.Pulse,
                    [Link.Names.Relays, Link.Names.Fleet, Link.Names.KeysVersion, Link.Names.UpstreamLimits(login)],
                    [Link.Clock, Instance.Id, (long)RelayInstance.Lease.TotalMilliseconds, "{}"],
                    Waiting.Token
                )
            )!;

    /// <summary>Time passes, in which these live: a second at a time, for longer no fleet is silent. Of days only the end counts.</summary>
    public static async Task PassAsync(FakeTimeProvider clock, TimeSpan time, params RedisRelay[] alive)
    {
        for (var left = time; left > TimeSpan.Zero; )
        {
            var step = time > TimeSpan.FromMinutes(1) || left < TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1);
            clock.Advance(step);
            left -= step;
            foreach (var relay in alive)
            {
                await relay.BeatAsync();
            }
        }
    }

    private async Task BeatOnAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        try
        {
            do
            {
                try
                {
                    await BeatAsync();
                }
                catch (RelayErrorException)
                {
                    // The next one finds out.
                }
            } while (await timer.WaitForNextTickAsync(_ending.Token));
        }
        catch (OperationCanceledException)
        {
            // Its end.
        }
    }

    /// <summary>Waits until all it has to tell is told.</summary>
    public async Task ToldAsync() => (await Outbox.FlushAsync(TimeSpan.FromSeconds(20), Waiting.Token)).Should().BeTrue();

    /// <summary>As when its process is killed: it tells nothing any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        await _ending.CancelAsync();
        await _beating;
        Outbox.Dispose();
        Link.Dispose();
        _ending.Dispose();
    }
}
