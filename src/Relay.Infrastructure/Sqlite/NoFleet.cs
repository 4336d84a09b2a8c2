using Relay.Application.Fleet;

namespace Relay.Infrastructure.Sqlite;

/// <summary>A fleet of one: a relay that has its own state.</summary>
internal sealed class NoFleet : IFleet
{
    public IReadOnlyList<FleetMember>? Known => null;

    public int Alive => 1;

    public Task<IReadOnlyList<FleetMember>?> ReadAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<FleetMember>?>(null);
}
