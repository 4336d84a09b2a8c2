using System.Reflection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Fleet;
using Relay.Application.Health;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Quotas;
using Relay.Infrastructure.ClaudeCode;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Sends one command twice a second. It tells that this relay lives, so that its leases hold, and brings the changes of the other relays.
/// While the state is away, it finds out when the state is back. A relay that sees that another one is dead clears up after it: the dead
/// relay's running requests count as spent.
/// </summary>
internal sealed class Pulse(
    RedisLink link,
    FleetView fleet,
    RelayInstance instance,
    LoginFingerprint login,
    IAdmission admission,
    IEngineHealth engine,
    IEngineLoad load,
    IServiceProvider services,
    TimeProvider clock,
    ILogger<Pulse> logger
) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>The time for which a dead relay is still shown to its operator.</summary>
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(10);

    private static readonly string Version = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "0";

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await BeatAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await link.RunAsync(RedisScripts.Leave, [link.Names.Relays, link.Names.Fleet], [instance.Id], cancellationToken);
        }
        catch (RelayErrorException exception)
        {
            logger.LogWarning(
                "The other relays could not be told that this relay stops: {Reason}. They notice it when its leases end",
                RedisLink.Describe(exception)
            );
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await BeatAsync(stoppingToken);
        }
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        try
        {
            var names = link.Names;
            var answer = (RedisResult[])
                (
                    await link.ProbeAsync(
                        RedisScripts.Pulse,
                        [names.Relays, names.Fleet, names.KeysVersion, names.UpstreamLimits(login.Value)],
                        [link.Clock, instance.Id, (long)RelayInstance.Lease.TotalMilliseconds, FleetView.Format(Describe())],
                        cancellationToken
                    )
                )!;
            var dead = (string[])answer[4]!;
            fleet.Hear((long)answer[0], ToEntries(answer[2]), (long)answer[1], ToEntries(answer[3]));
            if (dead.Length > 0)
            {
                await SweepAsync(dead, cancellationToken);
            }

            await ForgetAsync(cancellationToken);
        }
        catch (RelayErrorException)
        {
            // The link has logged it. The next pulse is the next attempt.
        }
    }

    private FleetMember Describe()
    {
        var queue = admission.LoadOf(QuotaBucket.Completions);
        var spares = load.Load;
        var status = engine.Status;
        // Not in the constructor: some checks depend on this relay's fleet.
        var checks = (IEnumerable<IHealthCheck>)services.GetService(typeof(IEnumerable<IHealthCheck>))!;
        var state =
            admission.IsClosed ? "stopping"
            : status.Problems.Count > 0 || checks.Any(check => check is not RedisLink && check.Problem is not null) ? "not_ready"
            : checks.Any(check => check.Warning is not null) ? "degraded"
            : "ready";
        return new FleetMember(
            instance.Id,
            instance.Name,
            Version,
            status.ClaudeVersion,
            state,
            queue.Places,
            queue.Running,
            queue.Waiting,
            spares.BlankSpares + spares.PreparedSpares,
            instance.StartedAt,
            default
        );
    }

    private async Task SweepAsync(string[] dead, CancellationToken cancellationToken)
    {
        var names = link.Names;
        var members = await link.AskAsync(database => database.SetMembersAsync(names.Open), cancellationToken);
        foreach (var chunk in members.Chunk(100))
        {
            await link.AskAsync(
                database =>
                    Task.WhenAll(
                        chunk.Select(member =>
                        {
                            var (_, bucket) = RedisNames.ParseMember(member.ToString());
                            return database.ScriptEvaluateAsync(
                                RedisScripts.Sweep,
                                [names.Counters(member.ToString()), names.Totals(bucket), names.Relays, names.Open],
                                [link.Clock, member, names.Channel]
                            );
                        })
                    ),
                cancellationToken
            );
        }

        foreach (var id in dead)
        {
            // The dead relay stays visible for a while. It is not buried when it has come back meanwhile.
            if ((int)await link.RunAsync(RedisScripts.Bury, [names.Relays], [link.Clock, id], cancellationToken) == 0)
            {
                continue;
            }

            logger.LogWarning(
                "Relay {Relay} has not been heard for {Seconds:0} s: its running requests count as spent",
                NameOf(id),
                RelayInstance.Lease.TotalSeconds
            );
        }
    }

    /// <summary>Removes relays that were lost long ago.</summary>
    private async Task ForgetAsync(CancellationToken cancellationToken)
    {
        var (names, now) = (link.Names, clock.GetUtcNow());
        foreach (var old in (fleet.Known ?? []).Where(member => member.State == FleetView.Lost && now - member.SeenAt > Remembered))
        {
            await link.AskAsync(database => database.HashDeleteAsync(names.Fleet, old.Id), cancellationToken);
        }
    }

    private string NameOf(string id) => fleet.Known?.FirstOrDefault(member => member.Id == id)?.Name ?? id;

    private static HashEntry[] ToEntries(RedisResult result)
    {
        var flat = (RedisValue[])result!;
        return [.. flat.Chunk(2).Select(pair => new HashEntry(pair[0], pair[1]))];
    }
}
