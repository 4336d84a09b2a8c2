namespace Relay.Application.Fleet;

/// <summary>One relay of a fleet, as it last told the others of itself.</summary>
/// <param name="Id">Of this run of it: a restart is another.</param>
/// <param name="Name">Its operator's name for it.</param>
/// <param name="Version">Of the relay.</param>
/// <param name="ClaudeVersion">Of its Claude Code; null when it has none in service.</param>
/// <param name="State">
/// <c>ready</c>, <c>degraded</c>, <c>not_ready</c>, <c>stopping</c>, or <c>lost</c> when it has not been heard for longer than its leases
/// last.
/// </param>
/// <param name="Places">Completions that it may run at once.</param>
/// <param name="Running">Completions that it runs.</param>
/// <param name="Waiting">Completions that wait in its queue.</param>
/// <param name="Spares">Claude Code processes that it has parked.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="SeenAt">UTC, by the clock of what the relays share.</param>
public sealed record FleetMember(
    string Id,
    string Name,
    string Version,
    string? ClaudeVersion,
    string State,
    int Places,
    int Running,
    int Waiting,
    int Spares,
    DateTimeOffset StartedAt,
    DateTimeOffset SeenAt
);

/// <summary>The relays that share one set of keys and limits.</summary>
public interface IFleet
{
    /// <summary>Its relays as last heard, by name; null where a relay has a state of its own. Costs nothing.</summary>
    IReadOnlyList<FleetMember>? Known { get; }

    /// <summary>Relays that live as last heard, this one among them; 1 where a relay has a state of its own. Costs nothing.</summary>
    int Alive { get; }

    /// <summary>Asks anew. Null as for <see cref="Known"/>.</summary>
    /// <exception cref="Relay.Domain.RelayErrorException">What they share can't be reached.</exception>
    Task<IReadOnlyList<FleetMember>?> ReadAsync(CancellationToken cancellationToken);
}
