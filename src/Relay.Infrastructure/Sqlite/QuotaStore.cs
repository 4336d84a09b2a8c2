using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Relay.Application.Health;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.Sqlite;

/// <summary>
/// Counts in memory, where the limits are decided, and takes what changed to <c>relay.db</c> twice a second. A crash forgets
/// at most that long. While the disk fails, the limits hold on in memory and <c>/health/ready</c> says so.
/// </summary>
internal sealed class QuotaStore : BackgroundService, IQuotaStore, IUsageReader, IHealthCheck
{
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>Longer than what anybody can ask for (<see cref="GetUsageQuery.MaxDays"/>).</summary>
    private const int UsageDays = 400;
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

    /// <inheritdoc/>
    public string Part => "usage";

    /// <inheritdoc/>
    public string? Problem => _problem;

    private TimeSpan Uptime => _clock.GetElapsedTime(_startedAt);

    /// <inheritdoc/>
    public ValueTask<QuotaDecision> ChargeAsync(string keyId, ModelName? model, QuotaLimits limits, decimal reserveUsd, CancellationToken cancellationToken)
    {
        var now = _clock.GetUtcNow();
        var decision = BookOf(limits.Bucket).Charge(keyId, limits, reserveUsd, now, Uptime);
        if (decision.Charge is { } charge)
        {
            lock (_lock)
            {
                _changes.Add(RowOf(charge, model), new UsageDelta(1, null, 0, UsageTable.ToMicro(charge.ReservedUsd)));
                _changes.AddMinute(MinuteOf(charge), 1);
                _changes.LastUsed[keyId] = now.ToUnixTimeSeconds();
            }
        }

        return ValueTask.FromResult(decision);
    }

    /// <inheritdoc/>
    public ValueTask SettleAsync(QuotaCharge charge, ModelName? model, Spending spending, decimal costUsd, CancellationToken cancellationToken)
    {
        BookOf(charge.Bucket).Settle(charge, costUsd);
        lock (_lock)
        {
            _changes.Add(RowOf(charge, model), new UsageDelta(0, spending.Usage, UsageTable.ToMicro(costUsd), -UsageTable.ToMicro(charge.ReservedUsd)));
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask GiveBackAsync(QuotaCharge charge, ModelName? model, CancellationToken cancellationToken)
    {
        BookOf(charge.Bucket).GiveBack(charge);
        lock (_lock)
        {
            _changes.Add(RowOf(charge, model), new UsageDelta(-1, null, 0, -UsageTable.ToMicro(charge.ReservedUsd)));
            _changes.AddMinute(MinuteOf(charge), -1);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>One process does all the counting: its queue is what gives places.</summary>
    public Task WaitForPlaceAsync(QuotaCharge charge, int places, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public QuotaDecision? FindKnownRefusal(string keyId, QuotaLimits limits) =>
        BookOf(limits.Bucket).Peek(keyId, limits, _clock.GetUtcNow(), Uptime) is { Refusal: not null } refused ? refused : null;

    /// <inheritdoc/>
    public ValueTask<QuotaDecision> PeekAsync(string keyId, QuotaLimits limits, CancellationToken cancellationToken) =>
        ValueTask.FromResult(BookOf(limits.Bucket).Peek(keyId, limits, _clock.GetUtcNow(), Uptime));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<UsageRow>> ReadAsync(string? keyId, DateOnly since, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        using var connection = _database.Open();
        return UsageTable.Read(connection, keyId, since);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<string, DateTimeOffset>> ReadLastUsedAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        using var connection = _database.Open();
        return UsageTable.ReadLastUsed(connection);
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _connection = _database.Open();
        Restore(_connection);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _connection?.Dispose();
        _writing.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(FlushInterval, _clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await FlushAsync(stoppingToken);
        }
    }

    private QuotaBook BookOf(QuotaBucket bucket) => bucket == QuotaBucket.Completions ? _completions : _fetches;

    private static UsageKey RowOf(QuotaCharge charge, ModelName? model) => new(charge.Day, charge.KeyId, charge.Bucket, model?.Value ?? string.Empty);

    /// <summary>
    /// The second on the wall's clock, by which a restarted relay finds it again. Uptime's seconds begin within the clock's:
    /// rounded up, for a request must not leave the window before its sixty seconds are over.
    /// </summary>
    private MinuteKey MinuteOf(QuotaCharge charge) => new(charge.KeyId, charge.Bucket, _startedUnixSecond + (_startsWithinSecond ? 1 : 0) + charge.Second);

    private void Restore(SqliteConnection connection)
    {
        UsageTable.SettleCrashed(connection);
        var today = DateOnly.FromDateTime(_clock.GetUtcNow().UtcDateTime);
        RelayDatabase.Execute(connection, $"DELETE FROM usage WHERE day < '{UsageTable.Format(today.AddDays(-UsageDays))}';");
        var rows = UsageTable.Read(connection, keyId: null, today);
        // A clock that was set back over midnight gives nothing back. Of one that had run days ahead the counts would shut
        // every key out until that day comes: those are left alone.
        var day = rows.Select(row => row.Day).Where(day => day <= today.AddDays(1)).Append(today).Max();
        if (rows.Any(row => row.Day > day))
        {
            _logger.LogWarning("relay.db has counts of days to come: the clock was wrong, or is. Today is {Today} by it", today);
        }

        foreach (var row in rows.Where(row => row.Day == day))
        {
            BookOf(row.Model is null ? QuotaBucket.Fetches : QuotaBucket.Completions).Restore(day, row.KeyId, row.Requests, row.Usage.CostUsd ?? 0);
        }

        var now = _startedUnixSecond;
        var minute = (long)MinuteWindow.Length.TotalSeconds;
        // As with days: what is further ahead was written by a clock that was wrong.
        RelayDatabase.Execute(connection, $"DELETE FROM minute WHERE unix_second > {now + OneDay + minute};");
        foreach (var ((keyId, bucket, second), requests) in UsageTable.ReadMinutes(connection, now - minute))
        {
            BookOf(bucket).RestoreMinute(keyId, Math.Min(second, now) - now, requests);
        }
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            var changes = TakeChanges();
            if (changes.IsEmpty || _connection is not { } connection)
            {
                return;
            }

            try
            {
                using var transaction = connection.BeginTransaction();
                UsageTable.Add(connection, changes.Usage);
                UsageTable.AddMinutes(connection, changes.Minutes, _startedUnixSecond + (long)(Uptime - (2 * MinuteWindow.Length)).TotalSeconds);
                UsageTable.NoteUse(connection, changes.LastUsed);
                transaction.Commit();
                _problem = null;
            }
            catch (SqliteException exception)
            {
                PutBack(changes);
                if (_problem is null)
                {
                    _problem = "relay.db can't be written; the relay's log says why. Limits hold, but a restart would forget what is not written.";
                    _logger.LogError(exception, "relay.db can't be written; what is to be written waits in memory");
                }
            }
        }
        finally
        {
            _writing.Release();
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

    /// <summary>What is not on the disk yet.</summary>
    private sealed class Changes
    {
        public Dictionary<UsageKey, UsageDelta> Usage { get; } = [];

        public Dictionary<MinuteKey, int> Minutes { get; } = [];

        public Dictionary<string, long> LastUsed { get; } = new(StringComparer.Ordinal);

        public bool IsEmpty => Usage.Count == 0;

        public void Add(UsageKey row, UsageDelta delta) => Usage[row] = Usage.GetValueOrDefault(row) + delta;

        public void AddMinute(MinuteKey minute, int requests) => Minutes[minute] = Minutes.GetValueOrDefault(minute) + requests;
    }
}
