using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Health;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.Sqlite;

/// <summary>
/// Decides limits by counts in memory, and writes changes to <c>relay.db</c> twice a second. A crash forgets at most that long. While the
/// disk fails, the limits hold on in memory and <c>/health/ready</c> says so.
/// </summary>
internal sealed class QuotaStore : BackgroundService, IQuotaStore, IUsageReader, IHealthCheck
{
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(10);

    private static readonly RelayError Unreadable = new(
        ErrorCode.StateUnavailable,
        "The usage can't be read at the moment; the relay's log says why. Try again shortly.",
        RetryAfter: TimeSpan.FromSeconds(5)
    );

    private const long OneDay = 86_400;

    private readonly RelayDatabase _database;
    private readonly TimeProvider _clock;
    private readonly ILogger<QuotaStore> _logger;
    private readonly QuotaBook _completions = new();
    private readonly QuotaBook _fetches = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Lock _lock = new();
    private readonly long _startedAt;
    private readonly long _startedUnixSecond;
    private readonly bool _startsWithinSecond;

    private SqliteConnection? _connection;
    private Changes _changes = new();
    private volatile string? _problem;

    public QuotaStore(RelayDatabase database, TimeProvider clock, ILogger<QuotaStore> logger)
    {
        (_database, _clock, _logger) = (database, clock, logger);
        _startedAt = clock.GetTimestamp();
        var now = clock.GetUtcNow();
        _startedUnixSecond = now.ToUnixTimeSeconds();
        _startsWithinSecond = now != DateTimeOffset.FromUnixTimeSeconds(_startedUnixSecond);
    }

    public string Part => "usage";

    public string? Problem => _problem;

    private TimeSpan Uptime => _clock.GetElapsedTime(_startedAt);

    public ValueTask<QuotaDecision> ChargeAsync(
        string keyId,
        ModelName? model,
        QuotaLimits limits,
        decimal reserveUsd,
        CancellationToken cancellationToken
    )
    {
        var now = _clock.GetUtcNow();
        var decision = BookOf(limits.Bucket).Charge(keyId, limits, reserveUsd, now, Uptime);
        if (decision.Charge is { } charge)
        {
            lock (_lock)
            {
                _changes.Add(RowOf(charge, model), new UsageDelta(1, null, 0, MicroUsd.From(charge.ReservedUsd)));
                _changes.AddMinute(MinuteOf(charge), 1);
                _changes.LastUsed[keyId] = now.ToUnixTimeSeconds();
            }
        }

        return ValueTask.FromResult(decision);
    }

    public ValueTask SettleAsync(
        QuotaCharge charge,
        ModelName? model,
        Spending spending,
        decimal costUsd,
        CancellationToken cancellationToken
    )
    {
        BookOf(charge.Bucket).Settle(charge, costUsd);
        lock (_lock)
        {
            _changes.Add(
                RowOf(charge, model),
                new UsageDelta(0, spending.Usage, MicroUsd.From(costUsd), -MicroUsd.From(charge.ReservedUsd))
            );
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask GiveBackAsync(QuotaCharge charge, ModelName? model, CancellationToken cancellationToken)
    {
        BookOf(charge.Bucket).GiveBack(charge);
        lock (_lock)
        {
            _changes.Add(RowOf(charge, model), new UsageDelta(-1, null, 0, -MicroUsd.From(charge.ReservedUsd)));
            _changes.AddMinute(MinuteOf(charge), -1);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Returns at once. One process does all the counting, so that its queue gives the places.</summary>
    public Task WaitForPlaceAsync(QuotaCharge charge, Func<int> places, CancellationToken cancellationToken) => Task.CompletedTask;

    public QuotaDecision? FindKnownRefusal(string keyId, QuotaLimits limits) =>
        BookOf(limits.Bucket).Peek(keyId, limits, _clock.GetUtcNow(), Uptime) is { Refusal: not null } refused ? refused : null;

    public ValueTask<QuotaDecision> PeekAsync(string keyId, QuotaLimits limits, CancellationToken cancellationToken) =>
        ValueTask.FromResult(BookOf(limits.Bucket).Peek(keyId, limits, _clock.GetUtcNow(), Uptime));

    public async Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        return Read(connection => UsageTable.Read(connection, keyId, since));
    }

    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        return Read(UsageTable.ReadLastUsed);
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _connection = _database.Open();
        Restore(_connection);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // Also after the time to stop is over: the last counts take a moment, and a restart needs them.
        await FlushAsync(CancellationToken.None);
    }

    public override void Dispose()
    {
        base.Dispose();
        if (_connection is { } connection)
        {
            // Requests that ended after the stop, or after a stop that failed. A write that still runs ends soon.
            var isMine = _writing.Wait(LongestWrite);
            Flush();
            connection.Dispose();
            _connection = null;
            if (isMine)
            {
                _writing.Release();
            }
        }

        _writing.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(FlushInterval, _clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await FlushAsync(stoppingToken);
        }
    }

    private T Read<T>(Func<SqliteConnection, T> read)
    {
        try
        {
            using var connection = _database.Open();
            return read(connection);
        }
        catch (Exception exception) when (exception is SqliteException or StartupException)
        {
            _logger.LogError("The usage in relay.db can't be read: {Reason}", exception.Message);
            throw new RelayErrorException(Unreadable, exception);
        }
    }

    private QuotaBook BookOf(QuotaBucket bucket) => bucket == QuotaBucket.Completions ? _completions : _fetches;

    private static UsageKey RowOf(QuotaCharge charge, ModelName? model) =>
        new(charge.Day, charge.KeyId, charge.Bucket, model?.Value ?? string.Empty);

    /// <summary>
    /// The second on the wall's clock, by which a restarted relay finds the request again. It is rounded up, because the seconds of
    /// uptime begin within those of the clock, and a request must not leave the window before its sixty seconds are over.
    /// </summary>
    private MinuteKey MinuteOf(QuotaCharge charge) =>
        new(charge.KeyId, charge.Bucket, _startedUnixSecond + (_startsWithinSecond ? 1 : 0) + charge.Second);

    private void Restore(SqliteConnection connection)
    {
        try
        {
            RestoreFrom(connection);
        }
        catch (SqliteException exception)
        {
            throw new StartupException(
                $"relay.db is damaged ({exception.Message}). Move it away to begin without it: the day's limits then begin anew."
            );
        }
    }

    private void RestoreFrom(SqliteConnection connection)
    {
        UsageTable.SettleCrashed(connection);
        UsageTable.DeleteEmpty(connection);
        var today = DateOnly.FromDateTime(_clock.GetUtcNow().UtcDateTime);
        RelayDatabase.Execute(connection, $"DELETE FROM usage WHERE day < '{UsageTable.Format(today.AddDays(-UsageRow.KeptDays))}';");
        var rows = UsageTable.Read(connection, keyId: null, today);
        // A clock that was set back over midnight gives nothing back. Days further ahead limit no key.
        var tomorrow = today.AddDays(1);
        if (rows.Any(row => row.Day > tomorrow))
        {
            _logger.LogWarning("relay.db has counts of future days: the clock is wrong, or was. By the clock, today is {Today}", today);
        }

        foreach (var row in rows.Where(row => row.Day <= tomorrow))
        {
            BookOf(row.Bucket).Restore(row.Day, row.KeyId, row.Requests, row.Usage.CostUsd ?? 0);
        }

        var now = _startedUnixSecond;
        var minute = (long)MinuteWindow.Length.TotalSeconds;
        // As with days: seconds further ahead come from a wrong clock.
        RelayDatabase.Execute(connection, $"DELETE FROM minute WHERE unix_second > {now + OneDay + minute};");
        foreach (var ((keyId, bucket, second), requests) in UsageTable.ReadMinutes(connection, now - minute))
        {
            // To the end of the second, and never after the start.
            BookOf(bucket).RestoreMinute(keyId, TimeSpan.FromSeconds(Math.Min(second + 1 - now, 0)), requests);
        }
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            Flush();
        }
        finally
        {
            _writing.Release();
        }
    }

    private void Flush()
    {
        if (_connection is not { } connection || TakeChanges() is not { IsEmpty: false } changes)
        {
            return;
        }

        try
        {
            using var transaction = connection.BeginTransaction();
            UsageTable.Add(connection, changes.Usage);
            UsageTable.AddMinutes(
                connection,
                changes.Minutes,
                _startedUnixSecond + (long)(Uptime - (2 * MinuteWindow.Length)).TotalSeconds
            );
            UsageTable.NoteUse(connection, changes.LastUsed);
            transaction.Commit();
            _problem = null;
        }
        catch (Exception exception)
        {
            // After any failure nothing was committed.
            PutBack(changes);
            if (_problem is null)
            {
                // In this order: an operator who is told to look into the log must find the line there.
                _logger.LogError(exception, "relay.db can't be written; the counts wait in memory");
                _problem =
                    "relay.db can't be written; the relay's log says why. Limits hold, but a restart would forget the unwritten counts.";
            }
        }
    }

    private Changes TakeChanges()
    {
        lock (_lock)
        {
            var changes = _changes;
            _changes = new Changes();
            return changes;
        }
    }

    private void PutBack(Changes changes)
    {
        lock (_lock)
        {
            foreach (var (row, delta) in changes.Usage)
            {
                _changes.Add(row, delta);
            }

            foreach (var (minute, requests) in changes.Minutes)
            {
                _changes.AddMinute(minute, requests);
            }

            foreach (var (keyId, second) in changes.LastUsed)
            {
                _changes.LastUsed.TryAdd(keyId, second);
            }
        }
    }

    /// <summary>Changes that are not on the disk yet.</summary>
    private sealed class Changes
    {
        public Dictionary<UsageKey, UsageDelta> Usage { get; } = [];

        public Dictionary<MinuteKey, int> Minutes { get; } = [];

        public Dictionary<string, long> LastUsed { get; } = new(StringComparer.Ordinal);

        public bool IsEmpty => Usage.Count == 0 && Minutes.Count == 0 && LastUsed.Count == 0;

        public void Add(UsageKey row, UsageDelta delta)
        {
            var sum = Usage.GetValueOrDefault(row) + delta;
            if (sum.IsNothing)
            {
                // Requests that came to nothing cost no row.
                Usage.Remove(row);
            }
            else
            {
                Usage[row] = sum;
            }
        }

        public void AddMinute(MinuteKey minute, int requests)
        {
            var sum = Minutes.GetValueOrDefault(minute) + requests;
            if (sum == 0)
            {
                Minutes.Remove(minute);
            }
            else
            {
                Minutes[minute] = sum;
            }
        }
    }
}
