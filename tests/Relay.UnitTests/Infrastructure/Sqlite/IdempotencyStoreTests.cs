using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Relay.Application.Idempotency;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

public sealed class IdempotencyStoreTests : IDisposable
{
    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly IdempotencyOptions _options = new();
    private readonly List<IdempotencyStore> _stores = [];
    private readonly LogLines<DatabaseHealth> _log = new();
    private readonly RelayDatabase _database;
    private readonly DatabaseHealth _health;

    public IdempotencyStoreTests()
    {
        _database = new RelayDatabase(_home.Home);
        _health = new DatabaseHealth(_database, _clock, _log);
    }

    public void Dispose()
    {
        _stores.ForEach(store => store.Dispose());
        _health.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task The_first_claims_and_the_others_wait_for_its_answer()
    {
        var store = await StartAsync();

        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.InFlight);
        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Mismatch);
        await store.KeepAsync("n", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);

        var again = await store.ClaimAsync("n", "f", Waiting.Token);
        (again.State, Encoding.UTF8.GetString(again.SealedAnswer.Span)).Should().Be((IdempotencyState.Answered, "answer"));
        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Mismatch);
        (await store.ClaimAsync("m", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task A_released_claim_can_be_claimed_again()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);

        await store.ReleaseAsync("n", Waiting.Token);

        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task Of_many_at_once_one_is_the_first()
    {
        var store = await StartAsync();

        var claims = await Task.WhenAll(
            Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await store.ClaimAsync("n", "f", Waiting.Token)))
        );

        claims.Count(claim => claim.State == IdempotencyState.Claimed).Should().Be(1);
        claims.Count(claim => claim.State == IdempotencyState.InFlight).Should().Be(49);
    }

    [Fact]
    public async Task Answers_outlive_the_relay_and_what_was_running_does_not()
    {
        var store = await StartAsync();
        await store.ClaimAsync("answered", "f", Waiting.Token);
        await store.KeepAsync("answered", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);
        await store.ClaimAsync("running", "f", Waiting.Token);

        var after = await StartAsync();

        (await after.ClaimAsync("answered", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        (await after.ClaimAsync("running", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task After_a_day_it_is_forgotten()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);
        await store.KeepAsync("n", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);

        _clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        _clock.Advance(TimeSpan.FromSeconds(1));

        (await store.ClaimAsync("n", "other", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        await store.KeepAsync("n", "key_1", "other", "new"u8.ToArray(), Waiting.Token);
        Encoding.UTF8.GetString((await store.ClaimAsync("n", "other", Waiting.Token)).SealedAnswer.Span).Should().Be("new");
    }

    [Fact]
    public async Task The_oldest_make_room()
    {
        var store = await StartAsync();
        for (var number = 0; number < 10; number++)
        {
            await store.ClaimAsync($"n{number}", "f", Waiting.Token);
            await store.KeepAsync($"n{number}", "key_1", "f", new byte[800], Waiting.Token);
        }

        var states = new List<IdempotencyState>();
        for (var number = 0; number < 10; number++)
        {
            states.Add((await store.ClaimAsync($"n{number}", "f", Waiting.Token)).State);
        }

        states
            .Should()
            .Equal(
                [.. Enumerable.Repeat(IdempotencyState.Claimed, 7), .. Enumerable.Repeat(IdempotencyState.Answered, 3)],
                "3,400 bytes hold three of 800 and their rows"
            );
    }

    [Fact]
    public async Task An_answer_that_can_not_be_kept_leaves_nothing_in_flight()
    {
        var store = await StartAsync();
        await store.ClaimAsync("n", "f", Waiting.Token);
        using (var connection = new SqliteConnection($"Data Source={_home.Home.DatabaseFile};Pooling=false"))
        {
            connection.Open();
            RelayDatabase.Execute(
                connection,
                "DROP TABLE kept_answer; CREATE TABLE kept_answer (name TEXT, fingerprint TEXT, answer BLOB, unix_second INTEGER);"
            );
        }

        await store.KeepAsync("n", "key_1", "f", "answer"u8.ToArray(), Waiting.Token);

        (await store.ClaimAsync("n", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
    }

    [Fact]
    public async Task A_damaged_file_leaves_every_claim_unknown_and_is_a_problem_of_the_relay()
    {
        var store = await StartAsync();
        for (var number = 0; number < 3; number++)
        {
            await store.ClaimAsync($"n{number}", "f", Waiting.Token);
            await store.KeepAsync($"n{number}", "key_1", "f", new byte[500], Waiting.Token);
        }

        store.Dispose();
        var damaged = await StartAsync();
        Damage.PagesOf(_home.Home.DatabaseFile);

        (await damaged.ClaimAsync("n1", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Unknown);
        (await damaged.ClaimAsync("n1", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Unknown, "it is not in flight");
        _health.Problem.Should().Contain("relay.db is damaged").And.Contain("Idempotency-Key");
        _log.Lines.Should().ContainSingle("it is told once");
    }

    [Fact]
    public async Task Damage_is_a_problem_soon_after_the_start_and_over_when_the_file_is_whole()
    {
        var store = await StartAsync();
        await KeepAsync(store, "n", "key_1");
        store.Dispose();
        var whole = await File.ReadAllBytesAsync(_home.Home.DatabaseFile, Waiting.Token);
        await _health.StartAsync(Waiting.Token);
        Damage.PagesOf(_home.Home.DatabaseFile);
        using var second = new DatabaseHealth(_database, _clock, _log);

        await second.StartAsync(Waiting.Token);

        await Waiting.UntilAsync(() => second.Problem is not null, "the damage is found before anybody asks");
        await File.WriteAllBytesAsync(_home.Home.DatabaseFile, whole, Waiting.Token);
        await Waiting.UntilAsync(() => second.Problem is null, "it is looked at again", () => _clock.Advance(TimeSpan.FromSeconds(10)));
        await second.StopAsync(Waiting.Token);
        await _health.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task The_holder_with_the_most_bytes_makes_room_and_others_keep_their_answers()
    {
        var store = await StartAsync();
        await KeepAsync(store, "mine", "key_1");
        for (var number = 0; number < 20; number++)
        {
            await KeepAsync(store, $"n{number}", "key_2");
        }

        (await store.ClaimAsync("mine", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        (await store.ClaimAsync("n19", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        (await store.ClaimAsync("n18", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
        (await store.ClaimAsync("n17", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        Count("SELECT sum(bytes) FROM kept_bytes;").Should().Be(Count("SELECT sum(bytes) FROM kept_answer;")).And.Be(3300);
    }

    [Fact]
    public async Task Running_totals_are_those_of_the_answers_also_after_they_expired()
    {
        var store = await StartAsync();
        await KeepAsync(store, "old", "key_1");
        _clock.Advance(TimeSpan.FromHours(25));
        await KeepAsync(store, "new", "key_2");

        Count("SELECT count(*) FROM kept_answer;").Should().Be(1);
        Count("SELECT count(*) FROM kept_bytes;").Should().Be(1);
        Count("SELECT sum(bytes) FROM kept_bytes;").Should().Be(1100);
    }

    [Fact]
    public async Task Neither_a_claim_nor_a_kept_answer_reads_the_answers_of_others()
    {
        await StartAsync();

        Plan("SELECT fingerprint, answer FROM kept_answer WHERE name = 'n' AND unix_second > 1;").Should().NotContain("SCAN");
        Plan("SELECT id FROM kept_answer WHERE unix_second <= 1 ORDER BY unix_second LIMIT 100;")
            .Should()
            .Contain("COVERING INDEX")
            .And.NotContain("SCAN");
        Plan("SELECT id FROM kept_answer WHERE holder = 'a' ORDER BY id LIMIT 1;")
            .Should()
            .Contain("COVERING INDEX")
            .And.NotContain("SCAN")
            .And.NotContain("TEMP");
    }

    /// <summary>SQLite reads a row up to the column that it needs, and an answer may have megabytes.</summary>
    [Fact]
    public async Task The_answer_is_the_last_column_of_its_row()
    {
        await StartAsync();

        Ask("PRAGMA table_info(kept_answer);").Select(column => (string)column[1]).Last().Should().Be("answer");
    }

    [Fact]
    public async Task Answers_of_the_version_before_are_kept_and_go_first()
    {
        using (var old = new SqliteConnection($"Data Source={_home.Home.DatabaseFile};Pooling=False"))
        {
            old.Open();
            RelayDatabase.Execute(
                old,
                $"""
                CREATE TABLE idempotency (name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, answer BLOB NOT NULL, bytes INTEGER NOT NULL, unix_second INTEGER NOT NULL);
                INSERT INTO idempotency VALUES ('n1', 'f', x'01', 1000, {Any.Time.ToUnixTimeSeconds()});
                INSERT INTO idempotency VALUES ('n2', 'f', x'02', 1000, {Any.Time.ToUnixTimeSeconds()});
                PRAGMA user_version = 3;
                """
            );
        }

        var store = await StartAsync();

        (await store.ClaimAsync("n2", "f", Waiting.Token)).SealedAnswer.ToArray().Should().Equal(2);
        await KeepAsync(store, "a", "key_1");
        await KeepAsync(store, "b", "key_2");
        (await store.ClaimAsync("n1", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Claimed);
        (await store.ClaimAsync("n2", "f", Waiting.Token)).State.Should().Be(IdempotencyState.Answered);
    }

    private static async Task KeepAsync(IdempotencyStore store, string name, string holder)
    {
        await store.ClaimAsync(name, "f", Waiting.Token);
        await store.KeepAsync(name, holder, "f", new byte[800], Waiting.Token);
    }

    private long Count(string sql) => (long)Ask(sql)[0][^1];

    private string Plan(string sql) => string.Join('\n', Ask($"EXPLAIN QUERY PLAN {sql}").Select(row => row[^1]));

    private List<object[]> Ask(string sql)
    {
        using var connection = _database.Open();
        using var command = new SqliteCommand(sql, connection);
        using var reader = command.ExecuteReader();
        var rows = new List<object[]>();
        while (reader.Read())
        {
            var row = new object[reader.FieldCount];
            reader.GetValues(row);
            rows.Add(row);
        }

        return rows;
    }

    private async Task<IdempotencyStore> StartAsync()
    {
        var store = new IdempotencyStore(_database, _health, Options.Create(_options), _clock, NullLogger<IdempotencyStore>.Instance, 3400);
        _stores.Add(store);
        await store.StartAsync(Waiting.Token);
        return store;
    }
}
