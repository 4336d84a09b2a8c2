namespace Relay.Application.Fleet;

/// <summary>One relay of a fleet, by its latest report to the others.</summary>
/// <param name="Id">Unique to this run of the relay: a restart has another id.</param>
/// <param name="Name">The operator's name for the relay.</param>
/// <param name="Version">The version of the relay.</param>
/// <param name="ClaudeVersion">The version of its Claude Code; null when it has none in service.</param>
/// <param name="State">
/// <c>ready</c>, <c>degraded</c>, <c>not_ready</c>, <c>stopping</c>, or <c>lost</c> when its latest report is older than its leases last.
/// </param>
/// <param name="Places">Completions that it may run at once.</param>
/// <param name="Running">Completions that it runs.</param>
/// <param name="Waiting">Completions that wait in its queue.</param>
/// <param name="Spares">Claude Code processes that it has parked.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="SeenAt">UTC; the time of its latest report, by the clock of the shared store.</param>
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
