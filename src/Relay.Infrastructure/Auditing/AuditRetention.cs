using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Auditing;

/// <summary>
/// Removes files of the audit log that are older than <c>AUDIT_DAYS</c>, at start and every hour. Only the relay does so: an operator's
/// command may have been started with other settings.
/// </summary>
internal sealed class AuditRetention(RelayHome home, IOptions<AuditOptions> options, TimeProvider clock, ILogger<AuditRetention> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            CleanUp();
        } while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void CleanUp()
    {
        var oldest = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime).AddDays(1 - options.Value.AuditDays);
        try
        {
            foreach (var file in Directory.Exists(home.AuditDirectory) ? Directory.EnumerateFiles(home.AuditDirectory, "*.jsonl") : [])
            {
                if (
                    DateOnly.TryParseExact(
                        Path.GetFileNameWithoutExtension(file),
                        "yyyy-MM-dd",
                        CultureInfo.InvariantCulture,
                        DateTimeStyles.None,
                        out var day
                    )
                    && day < oldest
                )
                {
                    File.Delete(file);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            logger.LogError(exception, "The audit log's old files can't be removed");
        }
    }
}
