using System.Globalization;
using Microsoft.Data.Sqlite;
using Relay.Application.Usage;
using Relay.Domain.Completions;
using Relay.Domain.Quotas;

namespace Relay.Infrastructure.Sqlite;

/// <summary>The row of usage that a request counts for; without a model for pages.</summary>
internal readonly record struct UsageKey(DateOnly Day, string KeyId, QuotaBucket Bucket, string Model);

/// <summary>The row of the last minute's seconds that a request counts for.</summary>
internal readonly record struct MinuteKey(string KeyId, QuotaBucket Bucket, long UnixSecond);

/// <summary>The SQL of the tables of usage.</summary>
internal static class UsageTable
{
    public static string Format(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>Adds to the rows. Rows that become zero are deleted.</summary>
    public static void Add(SqliteConnection connection, IReadOnlyDictionary<UsageKey, UsageDelta> deltas)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO usage VALUES ($day, $key, $bucket, $model, $requests, $input, $output, $created, $read, $cost, $reserved)
            ON CONFLICT DO UPDATE SET
                requests = requests + excluded.requests,
                input_tokens = input_tokens + excluded.input_tokens,
                output_tokens = output_tokens + excluded.output_tokens,
                cache_creation_input_tokens = cache_creation_input_tokens + excluded.cache_creation_input_tokens,
                cache_read_input_tokens = cache_read_input_tokens + excluded.cache_read_input_tokens,
                cost_micro_usd = cost_micro_usd + excluded.cost_micro_usd,
                reserved_micro_usd = reserved_micro_usd + excluded.reserved_micro_usd;
            """;
        foreach (var (row, delta) in deltas)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$day", Format(row.Day));
            command.Parameters.AddWithValue("$key", row.KeyId);
            command.Parameters.AddWithValue("$bucket", row.Bucket.WireName());
            command.Parameters.AddWithValue("$model", row.Model);
            command.Parameters.AddWithValue("$requests", delta.Requests);
            command.Parameters.AddWithValue("$input", delta.Tokens?.InputTokens ?? 0);
            command.Parameters.AddWithValue("$output", delta.Tokens?.OutputTokens ?? 0);
            command.Parameters.AddWithValue("$created", delta.Tokens?.CacheCreationInputTokens ?? 0);
            command.Parameters.AddWithValue("$read", delta.Tokens?.CacheReadInputTokens ?? 0);
            command.Parameters.AddWithValue("$cost", delta.CostMicroUsd);
            command.Parameters.AddWithValue("$reserved", delta.ReservedMicroUsd);
            command.ExecuteNonQuery();
        }

        DeleteEmpty(connection, deltas.Where(delta => delta.Value.Requests < 0).Select(delta => delta.Key));
    }

    public static void DeleteEmpty(SqliteConnection connection) => RelayDatabase.Execute(connection, $"DELETE FROM usage WHERE {IsEmpty};");

    private const string IsEmpty =
        "requests = 0 AND input_tokens = 0 AND output_tokens = 0 AND cache_creation_input_tokens = 0 AND cache_read_input_tokens = 0 AND "
        + "cost_micro_usd = 0 AND reserved_micro_usd = 0";

    private static void DeleteEmpty(SqliteConnection connection, IEnumerable<UsageKey> rows)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            $"DELETE FROM usage WHERE day = $day AND key_id = $key AND bucket = $bucket AND model = $model AND {IsEmpty};";
        foreach (var row in rows)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$day", Format(row.Day));
            command.Parameters.AddWithValue("$key", row.KeyId);
            command.Parameters.AddWithValue("$bucket", row.Bucket.WireName());
            command.Parameters.AddWithValue("$model", row.Model);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>Merges rows of another state: of two counts the larger stays. Returns the number of rows that grew.</summary>
    public static int Merge(SqliteConnection connection, IEnumerable<UsageRow> rows)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            INSERT INTO usage VALUES ($day, $key, $bucket, $model, $requests, $input, $output, $created, $read, $cost, 0)
            ON CONFLICT DO UPDATE SET
                requests = max(requests, excluded.requests),
                input_tokens = max(input_tokens, excluded.input_tokens),
                output_tokens = max(output_tokens, excluded.output_tokens),
                cache_creation_input_tokens = max(cache_creation_input_tokens, excluded.cache_creation_input_tokens),
                cache_read_input_tokens = max(cache_read_input_tokens, excluded.cache_read_input_tokens),
                cost_micro_usd = max(cost_micro_usd, excluded.cost_micro_usd - reserved_micro_usd)
            WHERE requests < excluded.requests OR input_tokens < excluded.input_tokens OR output_tokens < excluded.output_tokens
                OR cache_creation_input_tokens < excluded.cache_creation_input_tokens
                OR cache_read_input_tokens < excluded.cache_read_input_tokens
                OR cost_micro_usd + reserved_micro_usd < excluded.cost_micro_usd;
            """;
        var grown = 0;
        foreach (var row in rows)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$day", Format(row.Day));
            command.Parameters.AddWithValue("$key", row.KeyId);
            command.Parameters.AddWithValue("$bucket", row.Bucket.WireName());
            command.Parameters.AddWithValue("$model", row.Model ?? string.Empty);
            command.Parameters.AddWithValue("$requests", row.Requests);
            command.Parameters.AddWithValue("$input", row.Usage.InputTokens);
            command.Parameters.AddWithValue("$output", row.Usage.OutputTokens);
            command.Parameters.AddWithValue("$created", row.Usage.CacheCreationInputTokens);
            command.Parameters.AddWithValue("$read", row.Usage.CacheReadInputTokens);
            command.Parameters.AddWithValue("$cost", MicroUsd.From(row.Usage.CostUsd ?? 0));
            grown += command.ExecuteNonQuery();
        }

        return grown;
    }

    /// <summary>Adds to the seconds of the last minute, and deletes those that are over.</summary>
    public static void AddMinutes(SqliteConnection connection, IReadOnlyDictionary<MinuteKey, int> deltas, long oldestSecond)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            "INSERT INTO minute VALUES ($key, $bucket, $second, $requests) ON CONFLICT DO UPDATE SET requests = requests + "
            + "excluded.requests;";
        foreach (var ((keyId, bucket, second), requests) in deltas)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$key", keyId);
            command.Parameters.AddWithValue("$bucket", bucket.WireName());
            command.Parameters.AddWithValue("$second", second);
            command.Parameters.AddWithValue("$requests", requests);
            command.ExecuteNonQuery();
        }

        RelayDatabase.Execute(
            connection,
            string.Create(CultureInfo.InvariantCulture, $"DELETE FROM minute WHERE unix_second < {oldestSecond};")
        );
    }

    public static void NoteUse(SqliteConnection connection, IReadOnlyDictionary<string, long> lastUsed)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            "INSERT INTO last_use VALUES ($key, $second) ON CONFLICT DO UPDATE SET unix_second = max(unix_second, excluded.unix_second);";
        foreach (var (keyId, second) in lastUsed)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$key", keyId);
            command.Parameters.AddWithValue("$second", second);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>The rows since a day, by day, key, bucket and model. Rows that are zero are left out.</summary>
    public static List<UsageRow> Read(SqliteConnection connection, string? keyId, DateOnly since)
    {
        using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT day, key_id, nullif(model, ''), requests, input_tokens, output_tokens,
                cache_creation_input_tokens, cache_read_input_tokens, cost_micro_usd + reserved_micro_usd
            FROM usage WHERE day >= $since AND ($key IS NULL OR key_id = $key) AND (requests <> 0 OR cost_micro_usd <> 0)
            ORDER BY day, key_id, bucket, model;
            """;
        command.Parameters.AddWithValue("$since", Format(since));
        command.Parameters.AddWithValue("$key", (object?)keyId ?? DBNull.Value);
        using var reader = command.ExecuteReader();
        var rows = new List<UsageRow>();
        while (reader.Read())
        {
            rows.Add(
                new UsageRow(
                    DateOnly.ParseExact(reader.GetString(0), "yyyy-MM-dd", CultureInfo.InvariantCulture),
                    reader.GetString(1),
                    reader.IsDBNull(2) ? null : reader.GetString(2),
                    reader.GetInt64(3),
                    new TokenUsage(
                        reader.GetInt64(4),
                        reader.GetInt64(5),
                        reader.GetInt64(6),
                        reader.GetInt64(7),
                        MicroUsd.ToUsd(reader.GetInt64(8))
                    )
                )
            );
        }

        return rows;
    }

    public static Dictionary<string, DateTimeOffset> ReadLastUsed(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT key_id, unix_second FROM last_use;";
        using var reader = command.ExecuteReader();
        var found = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        while (reader.Read())
        {
            found[reader.GetString(0)] = DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(1));
        }

        return found;
    }

    /// <summary>The seconds of the last minute, oldest first.</summary>
    public static List<(MinuteKey Key, int Requests)> ReadMinutes(SqliteConnection connection, long oldestSecond)
    {
        using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT key_id, bucket, unix_second, requests FROM minute WHERE unix_second >= $oldest AND requests > 0 ORDER BY unix_second;";
        command.Parameters.AddWithValue("$oldest", oldestSecond);
        using var reader = command.ExecuteReader();
        var rows = new List<(MinuteKey, int)>();
        while (reader.Read())
        {
            rows.Add((new MinuteKey(reader.GetString(0), QuotaBuckets.Parse(reader.GetString(1)), reader.GetInt64(2)), reader.GetInt32(3)));
        }

        return rows;
    }

    /// <summary>Counts the reserved cost of requests that ran during a crash as spent.</summary>
    public static void SettleCrashed(SqliteConnection connection) =>
        RelayDatabase.Execute(
            connection,
            "UPDATE usage SET cost_micro_usd = cost_micro_usd + reserved_micro_usd, reserved_micro_usd = 0 WHERE reserved_micro_usd <> 0;"
        );
}
