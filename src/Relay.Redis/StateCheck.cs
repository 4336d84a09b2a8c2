using Relay.Application.Diagnostics;
using Relay.Application.Fleet;
using Relay.Domain;

namespace Relay.Redis;

/// <summary>Whether the state that the relays share answers, can be written to, and is kept on a disk.</summary>
internal sealed class StateCheck(RedisLink link, IFleet fleet) : IDiagnosticCheck
{
    public DiagnosticArea Area => DiagnosticArea.Home;

    public string Name => "state";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        try
        {
            var relays = await fleet.ReadAsync(cancellationToken) ?? [];
            var probe = link.Names.Probe;
            var milliseconds = (
                await link.AskAsync(
                    async database =>
                    {
                        await database.StringSetAsync(probe, "1", TimeSpan.FromSeconds(1));
                        return await database.PingAsync();
                    },
                    cancellationToken
                )
            ).TotalMilliseconds;
            var alive = relays.Count(relay => relay.State != FleetView.Lost);
            var clash = relays
                .Where(relay => relay.State != FleetView.Lost)
                .GroupBy(relay => relay.Name, StringComparer.Ordinal)
                .FirstOrDefault(name => name.Count() > 1);
            return
            [
                Finding.Pass(Name, $"The shared state answers in {milliseconds:0.0} ms and can be written to; {alive} of its relays live."),
                .. clash is null
                    ? (Finding[])[]
                    : [Finding.Warn(Name, $"{clash.Count()} relays are called '{clash.Key}'.", "Give each its own RELAY_NAME.")],
            ];
        }
        catch (RelayErrorException exception)
        {
            return
            [
                Finding.Fail(
                    Name,
                    $"The shared state can't be used: {RedisLink.Describe(exception)}.",
                    "Look at STATE, at the network and at the Redis itself."
                ),
            ];
        }
    }
}
