using System.Globalization;
using Microsoft.Data.Sqlite;
using Relay.Application.Diagnostics;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Diagnostics;

/// <summary>Checks that the clock can be right: daily limits, expiry and the audit log depend on it.</summary>
internal sealed class ClockCheck(IUsageReader usage, RelayHome home, TimeProvider clock) : IDiagnosticCheck
{
    /// <summary>The year before which no clock can be right, because the relay is newer.</summary>
    private const int BuildYear = 2026;

    public DiagnosticArea Area => DiagnosticArea.Machine;

    public string Name => "clock";

    public async Task<IReadOnlyList<Finding>> RunAsync(DiagnoseQuery query, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        if (now.Year < BuildYear)
        {
            return
            [
                Finding.Fail(
                    Name,
                    $"The clock says {now:yyyy-MM-dd}, and this relay was made in {BuildYear}.",
                    "Set the clock, and let it follow a time server."
                ),
            ];
        }

        var counted = (await CountedAfterAsync(today, cancellationToken)).Select(day => ("relay.db", day));
        // Read afterwards: midnight may have passed meanwhile.
        var newest = counted
            .Concat(AuditedDays().Select(day => ("the audit log", day)))
            .Where(seen => seen.Item2 > DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime))
            .ToList();
        return
        [
            newest.Count == 0
                ? Finding.Pass(Name, $"{now:yyyy-MM-dd HH:mm} UTC, and no record is later.")
                : Finding.Fail(
                    Name,
                    $"The clock says {now:yyyy-MM-dd}, and {newest[0].Item1} has entries of {newest.Max(seen => seen.Item2):yyyy-MM-dd}: "
                        + "it "
                        + $"is wrong, or was.",
                    "Set the clock, and let it follow a time server."
                ),
        ];
    }

    private async Task<IEnumerable<DateOnly>> CountedAfterAsync(DateOnly today, CancellationToken cancellationToken)
    {
        try
        {
            return (await usage.ReadAsync(keyId: null, today.AddDays(1), cancellationToken)).Select(row => row.Day);
        }
        catch (Exception exception) when (exception is StartupException or SqliteException or RelayErrorException)
        {
            return []; // The check of the database, or of the shared state, reports it.
        }
    }

    private IEnumerable<DateOnly> AuditedDays() =>
        Directory.Exists(home.AuditDirectory)
            ? Directory
                .EnumerateFiles(home.AuditDirectory, "*.jsonl")
                .Select(file =>
                    DateOnly.TryParseExact(
                        Path.GetFileNameWithoutExtension(file),
                        "yyyy-MM-dd",
                        CultureInfo.InvariantCulture,
                        DateTimeStyles.None,
                        out var day
                    )
                        ? day
                        : DateOnly.MinValue
                )
            : [];
}
