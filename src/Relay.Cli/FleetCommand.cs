using System.Globalization;
using Relay.Application.Fleet;

namespace Relay.Cli;

/// <summary><c>relayctl fleet</c>.</summary>
internal static class FleetCommand
{
    public static Command Create()
    {
        var json = Json.Option();
        return new ExampleCommand(
            "fleet",
            "List the relays that share this one's keys and limits: their versions, load and state. A 'lost' relay has not been "
                + "heard for longer than its leases last, and its running requests count as spent.",
            "relayctl fleet",
            "relayctl fleet --json | jq '.relays[] | select(.state != \"ready\")'"
        )
        {
            json,
        }.Runs(
            async (session, cancellationToken) =>
            {
                if (!(await session.Mediator.Send(new ListFleetQuery(), cancellationToken)).TryGet(out var fleet, out var problem))
                {
                    return session.Refuse(problem);
                }

                if (session.Value(json))
                {
                    Json.Write(session.Output, new { shared = fleet.Relays is not null, relays = fleet.Relays ?? [] });
                    return ExitCode.Done;
                }

                if (fleet.Relays is null)
                {
                    await session.Error.WriteLineAsync("This relay has its own state (STATE=local): there is no fleet.");
                    return ExitCode.Done;
                }

                var now = session.Get<TimeProvider>().GetUtcNow();
                Terminal.WriteTable(
                    session.Output,
                    ["RELAY", "STATE", "VERSION", "CLAUDE CODE", ">RUNNING", ">PLACES", ">WAITING", ">SPARES", "STARTED", ">HEARD"],
                    fleet.Relays.Select(relay =>
                        (IReadOnlyList<string>)
                            [
                                relay.Name,
                                relay.State,
                                relay.Version,
                                relay.ClaudeVersion ?? "-",
                                Number(relay.Running),
                                Number(relay.Places),
                                Number(relay.Waiting),
                                Number(relay.Spares),
                                Terminal.Time(relay.StartedAt),
                                $"{Math.Max(0, (now - relay.SeenAt).TotalSeconds):0} s ago",
                            ]
                    )
                );
                return ExitCode.Done;
            }
        );
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
