using Relay.Application.Diagnostics;
using Relay.Infrastructure.Sqlite;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks that <c>relay.db</c> opens and is whole.</summary>
internal sealed class DatabaseCheck(RelayDatabase database) : IDiagnosticCheck
{
    private const string Advice = "Stop the relay and move relay.db, relay.db-wal and relay.db-shm away: the day's limits then begin anew.";

    public DiagnosticArea Area => DiagnosticArea.Home;

    public string Name => "database";

    public Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Finding>>([
            database.Exists ? Look() : Finding.Pass(Name, "There is no relay.db yet; the relay makes it at its first start."),
        ]);

    private Finding Look()
    {
        try
        {
            return database.FindDamage() is { } damage
                ? Finding.Fail(Name, $"relay.db is damaged: {damage}", Advice)
                : Finding.Pass(Name, "relay.db opens and is whole.");
        }
        catch (StartupException exception)
        {
            return Finding.Fail(Name, exception.Message);
        }
    }
}
