using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Idempotency;

namespace Relay.Infrastructure.Sqlite;

/// <summary>
/// Answers in <c>relay.db</c>; what is still running only in memory, so that no crash leaves a request in flight for ever.
/// </summary>
internal sealed class IdempotencyStore(RelayDatabase database, IOptions<IdempotencyOptions> options, TimeProvider clock, ILogger<IdempotencyStore> logger)
    : IIdempotencyStore, IHostedService, IDisposable
{
    private readonly ConcurrentDictionary<string, string> _inFlight = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _using = new(1, 1);
    private SqliteConnection? _connection;

    /// <inheritdoc/>
    public async ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken)
    {
        if (!_inFlight.TryAdd(name, fingerprint))
        {
            return new IdempotencyClaim(_inFlight.TryGetValue(name, out var running) && running != fingerprint ? IdempotencyState.Mismatch : IdempotencyState.InFlight);
        }

        // Claimed: whoever answered it before has kept its answer by now.
        try
        {
            if (await FindAsync(name, cancellationToken) is not { } record)
            {
                return new IdempotencyClaim(IdempotencyState.Claimed);
            }

            _inFlight.TryRemove(name, out _);
            return record.Fingerprint == fingerprint ? new IdempotencyClaim(IdempotencyState.Answered, record.Answer) : new IdempotencyClaim(IdempotencyState.Mismatch);
        }
        catch
        {
            _inFlight.TryRemove(name, out _);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask KeepAsync(string name, string fingerprint, ReadOnlyMemory<byte> sealedAnswer, CancellationToken cancellationToken)
    {
        try
        {
            await UseAsync(connection => Insert(connection, name, fingerprint, sealedAnswer.ToArray()), cancellationToken);
        }
        catch (SqliteException exception)
        {
            // The answer is on its way all the same; asked again, it will be worked out again.
            logger.LogError("An answer can't be kept for its idempotency key: {Reason}", exception.Message);
        }
        finally
        {
            _inFlight.TryRemove(name, out _);
        }
    }

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(string name, CancellationToken cancellationToken)
    {
        _inFlight.TryRemove(name, out _);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _connection = database.Open();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        _connection?.Dispose();
        _using.Dispose();
    }

    private async Task<(string Fingerprint, byte[] Answer)?> FindAsync(string name, CancellationToken cancellationToken)
    {
        (string, byte[])? found = null;
        await UseAsync(
            connection =>
            {
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT fingerprint, answer FROM idempotency WHERE name = $name AND unix_second > $oldest";
                command.Parameters.AddWithValue("$name", name);
                command.Parameters.AddWithValue("$oldest", Oldest);
                using var reader = command.ExecuteReader();
                found = reader.Read() ? (reader.GetString(0), (byte[])reader[1]) : null;
            },
            cancellationToken);
        return found;
    }

    private long Oldest => (clock.GetUtcNow() - options.Value.TimeToLive).ToUnixTimeSeconds();

    private void Insert(SqliteConnection connection, string name, string fingerprint, byte[] answer)
    {
        using var transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.CommandText =
            """
            DELETE FROM idempotency WHERE unix_second <= $oldest;
            INSERT OR REPLACE INTO idempotency (name, fingerprint, answer, bytes, unix_second) VALUES ($name, $fingerprint, $answer, $bytes, $now);
            DELETE FROM idempotency WHERE rowid IN (
                SELECT rowid FROM (SELECT rowid, SUM(bytes) OVER (ORDER BY rowid DESC) AS newer FROM idempotency) WHERE newer > $most);
            """;
        command.Parameters.AddWithValue("$oldest", Oldest);
        command.Parameters.AddWithValue("$name", name);
        command.Parameters.AddWithValue("$fingerprint", fingerprint);
        command.Parameters.AddWithValue("$answer", answer);
        command.Parameters.AddWithValue("$bytes", answer.Length + RowOverhead);
        command.Parameters.AddWithValue("$now", clock.GetUtcNow().ToUnixTimeSeconds());
        command.Parameters.AddWithValue("$most", options.Value.MaxBytes);
        command.ExecuteNonQuery();
        transaction.Commit();
    }

    /// <summary>What a row takes beside its answer.</summary>
    private const int RowOverhead = 200;

    private async Task UseAsync(Action<SqliteConnection> use, CancellationToken cancellationToken)
    {
        await _using.WaitAsync(cancellationToken);
        try
        {
            use(_connection ?? throw new InvalidOperationException("Not started."));
        }
        finally
        {
            _using.Release();
        }
    }
}
