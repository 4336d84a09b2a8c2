using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Health;

namespace Relay.Infrastructure.Sqlite;

/// <summary>
/// Tells the operator that <c>relay.db</c> is damaged. It checks the file once after the start. Once a reader has met damage, it checks
/// again and again until the file is whole.
/// </summary>
internal sealed class DatabaseHealth(RelayDatabase database, TimeProvider clock, ILogger<DatabaseHealth> logger)
    : BackgroundService,
        IHealthCheck
{
    private const int SqliteBusy = 5;
    private const int SqliteLocked = 6;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private volatile string? _problem;

    public string Part => "database";

    public string? Problem => _problem;

    /// <summary>Takes the failure of a reader or a writer. A file that is only in use is not damaged.</summary>
    public void Report(SqliteException exception)
    {
        if (exception.SqliteErrorCode is not (SqliteBusy or SqliteLocked))
        {
            Tell(exception.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Look();
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (_problem is not null)
            {
                Look();
            }
        }
    }

    private void Look()
    {
        try
        {
            if (database.FindDamage() is { } damage)
            {
                Tell(damage);
            }
            else if (_problem is not null)
            {
                logger.LogInformation("relay.db is whole again");
                _problem = null;
            }
        }
        catch (StartupException exception)
        {
            Tell(exception.Message);
        }
    }

    private void Tell(string damage)
    {
        if (_problem is null)
        {
            // In this order: an operator who is told to look into the log must find the line there.
            logger.LogError("relay.db is damaged: {Damage}", damage);
            _problem =
                "relay.db is damaged; the relay's log says how. Requests with an Idempotency-Key are refused. "
                + "Stop the relay and move relay.db, relay.db-wal and relay.db-shm away: the day's limits then begin anew.";
        }
    }
}
