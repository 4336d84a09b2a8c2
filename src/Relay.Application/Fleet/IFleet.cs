namespace Relay.Application.Fleet;

/// <summary>The relays that share one set of keys and limits.</summary>
public interface IFleet
{
    /// <summary>The relays as last heard, by name; null for a relay with its own state. Costs nothing.</summary>
    IReadOnlyList<FleetMember>? Known { get; }

    /// <summary>The number of live relays as last heard, including this one; 1 for a relay with its own state. Costs nothing.</summary>
    int Alive { get; }

    /// <summary>Asks the shared store for the relays. Null as for <see cref="Known"/>.</summary>
    /// <exception cref="Relay.Domain.RelayErrorException">The shared store can't be reached.</exception>
    Task<IReadOnlyList<FleetMember>?> ReadAsync(CancellationToken cancellationToken);
}
