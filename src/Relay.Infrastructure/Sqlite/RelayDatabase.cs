using Microsoft.Data.Sqlite;
using Relay.Infrastructure.Home;

namespace Relay.Infrastructure.Sqlite;

/// <summary>
/// <c>relay.db</c>: usage, and answers for idempotency keys. It has a write-ahead log, so that the operator's commands can read while the
/// relay writes. After a crash of the process no committed change is missing.
/// </summary>
internal sealed class RelayDatabase(RelayHome home)
{
    /// <summary>The change from each version to the next; the version is SQLite's <c>user_version</c>.</summary>
    private static readonly string[] Migrations =
    [
        """
            CREATE TABLE usage (
                day TEXT NOT NULL,
                key_id TEXT NOT NULL,
                model TEXT NOT NULL,
                requests INTEGER NOT NULL,
                input_tokens INTEGER NOT NULL,
                output_tokens INTEGER NOT NULL,
                cache_creation_input_tokens INTEGER NOT NULL,
                cache_read_input_tokens INTEGER NOT NULL,
                cost_micro_usd INTEGER NOT NULL,
                reserved_micro_usd INTEGER NOT NULL,
                PRIMARY KEY (day, key_id, model)
            ) WITHOUT ROWID;
            CREATE TABLE minute (
                key_id TEXT NOT NULL,
                unix_second INTEGER NOT NULL,
                requests INTEGER NOT NULL,
                PRIMARY KEY (key_id, unix_second)
            ) WITHOUT ROWID;
            CREATE INDEX minute_by_second ON minute (unix_second);
            CREATE TABLE last_use (
                key_id TEXT PRIMARY KEY,
                unix_second INTEGER NOT NULL
            ) WITHOUT ROWID;
            """,
        // Pages and completions are counted in separate rows. SQLite can't add a column to a primary key.
        """
            CREATE TABLE usage_by_bucket (
                day TEXT NOT NULL,
                key_id TEXT NOT NULL,
                bucket TEXT NOT NULL,
                model TEXT NOT NULL,
                requests INTEGER NOT NULL,
                input_tokens INTEGER NOT NULL,
                output_tokens INTEGER NOT NULL,
                cache_creation_input_tokens INTEGER NOT NULL,
                cache_read_input_tokens INTEGER NOT NULL,
                cost_micro_usd INTEGER NOT NULL,
                reserved_micro_usd INTEGER NOT NULL,
                PRIMARY KEY (day, key_id, bucket, model)
            ) WITHOUT ROWID;
            INSERT INTO usage_by_bucket
                SELECT day, key_id, 'completions', model, requests, input_tokens, output_tokens,
                    cache_creation_input_tokens, cache_read_input_tokens, cost_micro_usd, reserved_micro_usd
                FROM usage;
            DROP TABLE usage;
            ALTER TABLE usage_by_bucket RENAME TO usage;
            CREATE TABLE minute_by_bucket (
                key_id TEXT NOT NULL,
                bucket TEXT NOT NULL,
                unix_second INTEGER NOT NULL,
                requests INTEGER NOT NULL,
                PRIMARY KEY (key_id, bucket, unix_second)
            ) WITHOUT ROWID;
            INSERT INTO minute_by_bucket SELECT key_id, 'completions', unix_second, requests FROM minute;
            DROP TABLE minute;
            ALTER TABLE minute_by_bucket RENAME TO minute;
            CREATE INDEX minute_by_second ON minute (unix_second);
            """,
        // With a rowid, because the oldest rows are deleted first.
        """
            CREATE TABLE idempotency (
                name TEXT NOT NULL UNIQUE,
                fingerprint TEXT NOT NULL,
                answer BLOB NOT NULL,
                bytes INTEGER NOT NULL,
                unix_second INTEGER NOT NULL
            );
            """,
        // Each answer has a holder, and each holder a running total. The answer comes last, because SQLite reads a row up to the column
        // that it needs. The holders of older answers are unknown: those answers have one holder together.
        // needs. Holders of older answers are not known: those answers have one holder together.
        """
            CREATE TABLE kept_answer (
                id INTEGER PRIMARY KEY,
                name TEXT NOT NULL UNIQUE,
                holder TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                bytes INTEGER NOT NULL,
                unix_second INTEGER NOT NULL,
                answer BLOB NOT NULL
            );
            CREATE INDEX kept_answer_by_age ON kept_answer (unix_second);
            CREATE INDEX kept_answer_by_holder ON kept_answer (holder, id, bytes);
            CREATE TABLE kept_bytes (
                holder TEXT PRIMARY KEY,
                bytes INTEGER NOT NULL
            ) WITHOUT ROWID;
            CREATE TRIGGER kept_answer_added AFTER INSERT ON kept_answer BEGIN
                INSERT INTO kept_bytes VALUES (new.holder, new.bytes) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
            END;
            CREATE TRIGGER kept_answer_deleted AFTER DELETE ON kept_answer BEGIN
                UPDATE kept_bytes SET bytes = bytes - old.bytes WHERE holder = old.holder;
                DELETE FROM kept_bytes WHERE holder = old.holder AND bytes <= 0;
            END;
            INSERT INTO kept_answer (name, holder, fingerprint, bytes, unix_second, answer)
                SELECT name, '', fingerprint, bytes, unix_second, answer FROM idempotency ORDER BY rowid;
            DROP TABLE idempotency;
            """,
    ];

    public bool Exists => File.Exists(home.DatabaseFile);

    /// <summary>Opens it, and creates and migrates it where needed. The caller disposes of the connection.</summary>
    /// <exception cref="StartupException">The file is not a database of this relay, or is one of a newer version.</exception>
    public SqliteConnection Open()
    {
        if (!Exists)
        {
            Create();
        }

        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = home.DatabaseFile,
                Mode = SqliteOpenMode.ReadWrite,
                Pooling = false,
                DefaultTimeout = 5,
            }.ToString()
        );
        try
        {
            connection.Open();
            Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
            Migrate(connection);
            return connection;
        }
        catch (Exception exception)
        {
            connection.Dispose();
            throw exception is SqliteException
                ? new StartupException(
                    $"{home.DatabaseFile} can't be opened ({exception.Message}). Move it away to begin without it: the day's limits then "
                        + $"begin anew."
                )
                : exception;
        }
    }

    /// <summary>The first damage that SQLite finds in the file; null for none. Reads the whole file.</summary>
    /// <exception cref="StartupException">As for <see cref="Open"/>.</exception>
    public string? FindDamage()
    {
        using var connection = Open();
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA quick_check(1);";
            var answer = command.ExecuteScalar() as string;
            return answer == "ok" ? null : answer ?? "it has no answer";
        }
        catch (SqliteException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>
    /// Creates the file for its owner only, from its first byte on; SQLite gives the files beside it the same mode. Never opens an
    /// existing file: closing any handle of it drops all locks of this process on it (POSIX), including those of SQLite's connections.
    /// </summary>
    private void Create()
    {
        try
        {
            new FileStream(home.DatabaseFile, RelayHome.PrivateFile(FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite)).Dispose();
        }
        catch (IOException) when (Exists)
        {
            return; // Another process was faster.
        }
    }

    public static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private void Migrate(SqliteConnection connection)
    {
        var version = ReadVersion(connection);
        if (version > Migrations.Length)
        {
            throw new StartupException(
                $"{home.DatabaseFile} is of version {version}, and this relay knows {Migrations.Length}. Run the relay that wrote it, or "
                    + $"move it away: the day's limits then begin anew."
            );
        }

        for (; version < Migrations.Length; version++)
        {
            using var transaction = connection.BeginTransaction();
            // Another process may have migrated it meanwhile.
            if (ReadVersion(connection) == version)
            {
                Execute(connection, $"{Migrations[version]} PRAGMA user_version = {version + 1};");
            }

            transaction.Commit();
        }
    }

    private static long ReadVersion(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version;";
        return (long)command.ExecuteScalar()!;
    }
}
