using System.Text.Json;
using Relay.Application.Fleet;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>This relay's latest knowledge of the other relays, and of their changes.</summary>
internal sealed class FleetView(RedisLink link) : IFleet
{
    private volatile IReadOnlyList<FleetMember> _known = [];
    private volatile int _alive = 1;

    /// <summary>Raised after each pulse, with the version of the keys and the known limits of this relay's Claude login.</summary>
    public event Action<long, HashEntry[]>? Heard;

    public IReadOnlyList<FleetMember>? Known => _known;

    public int Alive => _alive;

    /// <summary>The state of a relay whose leases are over.</summary>
    public const string Lost = "lost";

    /// <summary>A relay's report of itself, as text.</summary>
    public static string Format(FleetMember member) => JsonSerializer.Serialize(member);

    /// <summary>Takes in the answer to a pulse.</summary>
    public void Hear(long nowMilliseconds, HashEntry[] fleet, long keysVersion, HashEntry[] upstream)
    {
        Know(fleet, nowMilliseconds);
        Heard?.Invoke(keysVersion, upstream);
    }

    public async Task<IReadOnlyList<FleetMember>?> ReadAsync(CancellationToken cancellationToken) =>
        await ReadRelaysAsync(cancellationToken);

    /// <summary>The same, never null.</summary>
    public async Task<IReadOnlyList<FleetMember>> ReadRelaysAsync(CancellationToken cancellationToken)
    {
        var (fleet, now) = await link.AskAsync(
            async database =>
                (
                    await database.HashGetAllAsync(link.Names.Fleet),
                    (long)
                        await database.ScriptEvaluateAsync(
                            "local time = redis.call('TIME') return time[1] * 1000 + math.floor(time[2] / 1000)"
                        )
                ),
            cancellationToken
        );
        return Know(fleet, now);
    }

    private IReadOnlyList<FleetMember> Know(HashEntry[] fleet, long nowMilliseconds)
    {
        _known = Parse(fleet, DateTimeOffset.FromUnixTimeMilliseconds(nowMilliseconds));
        // At least this relay: its first pulse may be on its way.
        _alive = Math.Max(1, _known.Count(member => member.State != Lost));
        return _known;
    }

    private static List<FleetMember> Parse(HashEntry[] fleet, DateTimeOffset now) =>
        [
            .. fleet
                .Select(entry => Parse(entry.Value.ToString(), now))
                .OfType<FleetMember>()
                .OrderBy(member => member.Name, StringComparer.Ordinal)
                .ThenBy(member => member.StartedAt),
        ];

    /// <summary>Null for a report that another version wrote in another form.</summary>
    private static FleetMember? Parse(string text, DateTimeOffset now)
    {
        var parts = text.Split(' ', 2);
        try
        {
            if (
                parts.Length == 2
                && long.TryParse(parts[0], out var seen)
                && JsonSerializer.Deserialize<FleetMember>(parts[1]) is { } member
            )
            {
                var seenAt = DateTimeOffset.FromUnixTimeMilliseconds(seen);
                return member with { SeenAt = seenAt, State = now - seenAt >= RelayInstance.Lease ? Lost : member.State };
            }
        }
        catch (JsonException)
        {
            return null;
        }

        return null;
    }
}
