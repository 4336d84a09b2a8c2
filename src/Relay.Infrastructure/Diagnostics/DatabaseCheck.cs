using Microsoft.Data.Sqlite;
using Relay.Application.Diagnostics;
using Relay.Infrastructure.Sqlite;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Whether <c>relay.db</c> opens and is whole.</summary>
internal sealed class DatabaseCheck(RelayDatabase database) : IDiagnosticCheck
{
    private const string Advice = "Stop the relay and move relay.db, relay.db-wal and relay.db-shm away: the day's limits then begin anew.";

    /// <inheritdoc/>
    public DiagnosticArea Area => DiagnosticArea.Home;

    /// <inheritdoc/>
    public string Name => "database";

    /// <inheritdoc/>
    public Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Finding>>([database.Exists ? Look() : Finding.Pass(Name, "There is no relay.db yet; the relay makes it at its first start.")]);

    private Finding Look()
    {
        try
        {
            using var connection = database.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA quick_check(1);";
            var answer = command.ExecuteScalar() as string;
            return answer == "ok" ? Finding.Pass(Name, "relay.db opens and is whole.") : Finding.Fail(Name, $"relay.db is damaged: {answer}", Advice);
        }
        catch (StartupException exception)
        {
            return Finding.Fail(Name, exception.Message);
        }
        catch (SqliteException exception)
        {
            return Finding.Fail(Name, $"relay.db is damaged: {exception.Message}", Advice);
        }
    }
}
