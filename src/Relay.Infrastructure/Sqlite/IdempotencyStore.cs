using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Application.Idempotency;

namespace Relay.Infrastructure.Sqlite;

/// <summary>Keeps answers in <c>relay.db</c>. Running requests are known in memory only, so a crash leaves none in flight.</summary>
internal sealed class IdempotencyStore(
    RelayDatabase database,
    DatabaseHealth health,
    IOptions<IdempotencyOptions> options,
    TimeProvider clock,
    ILogger<IdempotencyStore> logger,
    long maxBytes = IdempotencyOptions.MaxBytes
) : IIdempotencyStore, IHostedService, IDisposable
{
    private readonly ConcurrentDictionary<string, string> _inFlight = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _using = new(1, 1);
    private SqliteConnection? _connection;

    public async ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken)
    {
        if (!_inFlight.TryAdd(name, fingerprint))
        {
            return new IdempotencyClaim(
                _inFlight.TryGetValue(name, out var running) && running != fingerprint
                    ? IdempotencyState.Mismatch
                    : IdempotencyState.InFlight
            );
        }

        // Claimed: a request that was answered before has its answer kept by now.
        try
        {
            if (await FindAsync(name, cancellationToken) is not { } record)
            {
                return new IdempotencyClaim(IdempotencyState.Claimed);
            }

            _inFlight.TryRemove(name, out _);
            return record.Fingerprint == fingerprint
                ? new IdempotencyClaim(IdempotencyState.Answered, record.Answer)
                : new IdempotencyClaim(IdempotencyState.Mismatch);
        }
        catch (SqliteException exception)
        {
            // The disk does not tell whether the request was answered before.
            _inFlight.TryRemove(name, out _);
            health.Report(exception);
            return new IdempotencyClaim(IdempotencyState.Unknown);
        }
        catch
        {
            _inFlight.TryRemove(name, out _);
            throw;
        }
    }

    public async ValueTask KeepAsync(
        string name,
        string holder,
        string fingerprint,
        ReadOnlyMemory<byte> sealedAnswer,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await UseAsync(connection => Insert(connection, name, holder, fingerprint, sealedAnswer.ToArray()), cancellationToken);
        }
        catch (SqliteException exception)
        {
            // The caller gets the answer all the same. A repeat of the request computes a new one.
            logger.LogError("An answer can't be kept for its idempotency key: {Reason}", exception.Message);
            health.Report(exception);
        }
        finally
        {
            _inFlight.TryRemove(name, out _);
        }
    }

    public ValueTask ReleaseAsync(string name, CancellationToken cancellationToken)
    {
        _inFlight.TryRemove(name, out _);
        return ValueTask.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _connection = database.Open();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

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
                command.CommandText = "SELECT fingerprint, answer FROM kept_answer WHERE name = $name AND unix_second > $oldest";
                command.Parameters.AddWithValue("$name", name);
                command.Parameters.AddWithValue("$oldest", Oldest);
                using var reader = command.ExecuteReader();
                found = reader.Read() ? (reader.GetString(0), (byte[])reader[1]) : null;
            },
            cancellationToken
        );
        return found;
    }

    private long Oldest => (clock.GetUtcNow() - options.Value.TimeToLive).ToUnixTimeSeconds();

    private void Insert(SqliteConnection connection, string name, string holder, string fingerprint, byte[] answer)
    {
        using var transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.CommandText = $"""
            DELETE FROM kept_answer WHERE id IN
                (SELECT id FROM kept_answer WHERE unix_second <= $oldest ORDER BY unix_second LIMIT {ForgottenAtOnce});
            DELETE FROM kept_answer WHERE name = $name;
            INSERT INTO kept_answer (name, holder, fingerprint, bytes, unix_second, answer)
                VALUES ($name, $holder, $fingerprint, $bytes, $now, $answer);
            """;
        command.Parameters.AddWithValue("$oldest", Oldest);
        command.Parameters.AddWithValue("$name", name);
        command.Parameters.AddWithValue("$holder", holder);
        command.Parameters.AddWithValue("$fingerprint", fingerprint);
        command.Parameters.AddWithValue("$answer", answer);
        command.Parameters.AddWithValue("$bytes", answer.Length + RowOverhead);
        command.Parameters.AddWithValue("$now", clock.GetUtcNow().ToUnixTimeSeconds());
        command.ExecuteNonQuery();
        MakeRoom(connection);
        transaction.Commit();
    }

    /// <summary>Deletes the oldest answers of the largest holder first, so that it can't push out the answers of others.</summary>
    private void MakeRoom(SqliteConnection connection)
    {
        using var total = connection.CreateCommand();
        total.CommandText = "SELECT coalesce(sum(bytes), 0) FROM kept_bytes;";
        using var forget = connection.CreateCommand();
        forget.CommandText = """
            DELETE FROM kept_answer
                WHERE id = (SELECT id FROM kept_answer
                    WHERE holder = (SELECT holder FROM kept_bytes ORDER BY bytes DESC, holder LIMIT 1) ORDER BY id LIMIT 1)
                RETURNING bytes;
            """;
        for (var bytes = (long)total.ExecuteScalar()!; bytes > maxBytes; )
        {
            if (forget.ExecuteScalar() is not long forgotten)
            {
                return;
            }

            bytes -= forgotten;
        }
    }

    /// <summary>The bytes of a row besides its answer.</summary>
    private const int RowOverhead = 300;

    /// <summary>Most expired answers that one request deletes. Later requests delete further ones.</summary>
    private const int ForgottenAtOnce = 100;

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
