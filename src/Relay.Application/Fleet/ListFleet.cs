using MediatR;
using Relay.Domain;

namespace Relay.Application.Fleet;

/// <summary>Lists the relays that share this one's keys and limits; null for a relay with its own state.</summary>
public sealed record ListFleetQuery : IRequest<Result<FleetList>>;

/// <param name="Relays">By name; null where <c>STATE=local</c>.</param>
public sealed record FleetList(IReadOnlyList<FleetMember>? Relays);

internal sealed class ListFleetHandler(IFleet fleet) : IRequestHandler<ListFleetQuery, Result<FleetList>>
{
    public async Task<Result<FleetList>> Handle(ListFleetQuery query, CancellationToken cancellationToken) =>
        new FleetList(await fleet.ReadAsync(cancellationToken));
}
