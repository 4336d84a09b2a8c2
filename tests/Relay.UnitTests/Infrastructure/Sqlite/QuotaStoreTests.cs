using System.Reflection;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Keys;
using Relay.Application.Models;
using Relay.Application.Quotas;
using Relay.Application.Usage;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;
using Relay.Infrastructure;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

public sealed class QuotaStoreTests : IDisposable
{
    private const int Many = 1_000_000;

    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);
    private static readonly DateOnly Today = new(2026, 3, 14);
    private static readonly QuotaLimits Limits = new(10, 20, Many, 4, 10);

    private readonly TemporaryHome _home = new();
    private readonly LogLines<QuotaStore> _log = new();
    private readonly RelayDatabase _database;
    private readonly List<QuotaStore> _stores = [];
    private FakeTimeProvider _clock = new(Any.Time);

    public QuotaStoreTests() => _database = new RelayDatabase(_home.Home);

    public void Dispose()
    {
        foreach (var store in _stores)
        {
            store.Dispose();
        }

        _home.Dispose();
    }

    [Fact]
    public async Task A_restart_loses_nothing_of_the_day_and_nothing_of_the_minute()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1.25m);
        await SpendAsync(store, "a", 0.5m);
        await SpendAsync(store, "b", 0);
        await store.StopAsync(Waiting.Token).InTime();
        _clock.Advance(TimeSpan.FromSeconds(20));

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 8), ("day", 18), ("usd-day", 825));
        (await LeftAsync(again, "b")).Should().Equal(("minute", 9), ("day", 19), ("usd-day", 1000));
        _clock.Advance(TimeSpan.FromSeconds(41));
        (await LeftAsync(again, "a"))[0].Should().Be(("minute", 10));
        _log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_crash_loses_at_most_what_the_last_half_second_had_and_counts_what_ran_as_spent()
    {
        var store = await StartAsync();
        await ChargeAsync(store, "a", reserve: 1.5m);
        await SpendAsync(store, "a", 0.5m);
        await Waiting.UntilAsync(() => StoredRequests() == 2, "both are on the disk", () => _clock.Advance(FlushInterval));
        await ChargeAsync(store, "a", reserve: 3m);
        // It crashes: neither its stop nor its end comes before the next start.

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 8), ("day", 18), ("usd-day", 800));
        Count("SELECT sum(reserved_micro_usd) FROM usage;").Should().Be(0);
        (await again.ReadAsync("a", Today, Waiting.Token)).Should().ContainSingle().Which.Usage.CostUsd.Should().Be(2.0m);
        var third = await StartAsync();
        (await LeftAsync(third, "a"))[2].Should().Be(("usd-day", 800), "settled once, not at every start");
    }

    [Fact]
    public void There_are_never_more_than_the_limit_in_any_sixty_seconds_also_over_restarts() =>
        Always.Holds(
            Always.Numbers(6, 60_000),
            numbers =>
            {
                using var home = new TemporaryHome();
                _clock = new FakeTimeProvider(Any.Time.AddMilliseconds(numbers[0] % 1000));
                using var first = new QuotaStore(new RelayDatabase(home.Home), _clock, _log);
                first.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
                _clock.Advance(TimeSpan.FromMilliseconds(numbers[1]));
                var at = _clock.GetUtcNow();
                Charge(first).Should().BeTrue();
                _clock.Advance(TimeSpan.FromMilliseconds(numbers[2]));
                first.StopAsync(CancellationToken.None).GetAwaiter().GetResult();

                using var second = new QuotaStore(new RelayDatabase(home.Home), _clock, _log);
                second.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
                _clock.Advance(at + MinuteWindow.Length - TimeSpan.FromMilliseconds(1) - _clock.GetUtcNow());
                Charge(second).Should().BeFalse("it is not sixty seconds yet");
                _clock.Advance(TimeSpan.FromSeconds(3));
                Charge(second).Should().BeTrue("a restart makes nobody wait for seconds on end");
                second.StopAsync(CancellationToken.None).GetAwaiter().GetResult();

                bool Charge(QuotaStore store) =>
                    store
                        .ChargeAsync("a", Any.Model(), Limits with { PerMinute = 1 }, 0.01m, CancellationToken.None)
                        .AsTask()
                        .GetAwaiter()
                        .GetResult()
                        .Charge
                        is not null;
            },
            times: 25
        );

    [Fact]
    public async Task A_request_given_back_is_given_back_on_the_disk_too()
    {
        var store = await StartAsync();
        var charge = await ChargeAsync(store, "a", reserve: 1);
        await Waiting.UntilAsync(() => StoredRequests() == 1, "the charge is on the disk", () => _clock.Advance(FlushInterval));
        await store.GiveBackAsync(charge, Any.Model(), Waiting.Token);
        await store.StopAsync(Waiting.Token).InTime();

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 10), ("day", 20), ("usd-day", 1000));
        (await again.ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty("nothing was used");
    }

    [Fact]
    public async Task Only_the_owner_may_read_the_database_and_its_companions()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.ReadAsync(null, Today, Waiting.Token);

        var files = Directory.EnumerateFiles(_home.Home.Path, "relay.db*").ToList();
        files.Select(Path.GetFileName).Should().BeEquivalentTo("relay.db", "relay.db-wal", "relay.db-shm");
        files.Select(File.GetUnixFileMode).Should().OnlyContain(mode => mode == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_in_a_sentence_and_left_alone()
    {
        var text = new string('x', 10_000);
        File.WriteAllText(_home.Home.DatabaseFile, text);

        (await ((Func<Task>)(() => StartAsync())).Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("can't be opened")
            .And.Contain("Move it away");

        File.ReadAllText(_home.Home.DatabaseFile).Should().Be(text);
    }

    [Fact]
    public async Task A_database_of_a_newer_relay_is_refused_by_its_number()
    {
        await (await StartAsync()).StopAsync(Waiting.Token);
        Execute("PRAGMA user_version = 5;");

        (await ((Func<Task>)(() => StartAsync())).Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("of version 5, and this relay knows 4");
    }

    [Fact]
    public async Task Usage_adds_up_by_day_key_and_model()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 0.1m, tokens: new TokenUsage(1, 20, 300, 4000, null));
        (await store.ReadAsync(null, Today, Waiting.Token)).Should().ContainSingle("the next one is added to what is on the disk");
        await SpendAsync(store, "a", 0.2m, tokens: new TokenUsage(1, 20, 300, 4000, null));
        await SpendAsync(store, "a", 0.4m, model: "haiku");
        await SpendAsync(store, "b", 0.8m);
        await ChargeAsync(store, "b", reserve: 1);
        _clock.Advance(TimeSpan.FromDays(1));
        await SpendAsync(store, "a", 1.6m);

        (await store.ReadAsync(null, Today, Waiting.Token))
            .Should()
            .Equal(
                new UsageRow(Today, "a", "haiku", 1, new TokenUsage(0, 0, 0, 0, 0.4m)),
                new UsageRow(Today, "a", "opus", 2, new TokenUsage(2, 40, 600, 8000, 0.3m)),
                new UsageRow(Today, "b", "opus", 2, new TokenUsage(0, 0, 0, 0, 1.8m)),
                new UsageRow(Today.AddDays(1), "a", "opus", 1, new TokenUsage(0, 0, 0, 0, 1.6m))
            );
        (await store.ReadAsync("a", Today.AddDays(1), Waiting.Token)).Should().ContainSingle().Which.Usage.CostUsd.Should().Be(1.6m);
        (await new UsageReader(_database, NullLogger<UsageReader>.Instance).ReadAsync("b", Today, Waiting.Token))
            .Should()
            .ContainSingle("the operator's commands read the same while the relay runs");
    }

    [Fact]
    public async Task A_charge_from_before_midnight_that_is_settled_after_it_counts_for_yesterday()
    {
        _clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero));
        var store = await StartAsync();
        var charge = await ChargeAsync(store, "a", reserve: 1);
        _clock.Advance(TimeSpan.FromSeconds(2));

        await store.SettleAsync(charge, Any.Model(), new Spending(), 0.7m, Waiting.Token);

        (await store.ReadAsync(null, Today, Waiting.Token))
            .Should()
            .Equal(new UsageRow(Today, "a", "opus", 1, new TokenUsage(0, 0, 0, 0, 0.7m)));
        (await LeftAsync(store, "a")).Should().Equal(("minute", 9), ("day", 20), ("usd-day", 1000));
    }

    [Fact]
    public async Task Each_keys_last_use_is_known_to_the_second_over_restarts()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 0);
        _clock.Advance(TimeSpan.FromSeconds(90));
        await SpendAsync(store, "b", 0);
        await store.StopAsync(Waiting.Token).InTime();

        var expected = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal) { ["a"] = Any.Time, ["b"] = Any.Time.AddSeconds(90) };
        (await (await StartAsync()).ReadLastUsedAsync(Waiting.Token)).Should().Equal(expected);
        (await new UsageReader(_database, NullLogger<UsageReader>.Instance).ReadLastUsedAsync(Waiting.Token)).Should().Equal(expected);
    }

    [Fact]
    public async Task Before_a_relays_first_run_usage_is_empty_and_reading_makes_no_file()
    {
        var reader = new UsageReader(_database, NullLogger<UsageReader>.Instance);
        (await reader.ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty();
        (await reader.ReadLastUsedAsync(Waiting.Token)).Should().BeEmpty();
        _database.Exists.Should().BeFalse();
    }

    [Fact]
    public async Task A_disk_that_fails_is_a_problem_keeps_the_limits_and_loses_nothing_when_it_works_again()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.ReadAsync(null, Today, Waiting.Token);
        Execute("ALTER TABLE last_use RENAME TO gone;");
        await SpendAsync(store, "a", 2);
        await Waiting.UntilAsync(() => store.Problem is not null, "the problem is told", () => _clock.Advance(FlushInterval));
        store.Problem.Should().Contain("relay.db can't be written");
        await store.ReadAsync(null, Today, Waiting.Token);
        await store.ReadAsync(null, Today, Waiting.Token);
        await SpendAsync(store, "a", 3);
        (await LeftAsync(store, "a")).Skip(1).Should().Equal(("day", 17), ("usd-day", 400));
        for (var request = 0; request < 17; request++)
        {
            await SpendAsync(store, "a", 0);
            _clock.Advance(TimeSpan.FromSeconds(20));
        }

        (await store.ChargeAsync("a", Any.Model(), Limits, 0.01m, Waiting.Token)).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);

        Execute("ALTER TABLE gone RENAME TO last_use;");
        await Waiting.UntilAsync(() => store.Problem is null, "the problem is over", () => _clock.Advance(FlushInterval));
        await store.StopAsync(Waiting.Token).InTime();
        _log.Lines.Should().ContainSingle("the problem is told once");

        (await LeftAsync(await StartAsync(), "a")).Skip(1).Should().Equal(("day", 0), ("usd-day", 400));
    }

    [Fact]
    public async Task A_failure_of_any_kind_while_counts_are_written_keeps_them()
    {
        var store = await StartAsync();
        var connection = (SqliteConnection)
            typeof(QuotaStore).GetField("_connection", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(store)!;
        connection.Close();
        await SpendAsync(store, "a", 1);

        await Waiting.UntilAsync(() => store.Problem is not null, "the problem is told", () => _clock.Advance(FlushInterval));
        connection.Open();
        await Waiting.UntilAsync(() => store.Problem is null, "the problem is over", () => _clock.Advance(FlushInterval));

        StoredRequests().Should().Be(1);
        await store.StopAsync(Waiting.Token).InTime();
    }

    [Fact]
    public async Task The_last_counts_are_written_also_when_the_time_to_stop_is_over()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);

        await store.StopAsync(new CancellationToken(canceled: true)).InTime();

        StoredRequests().Should().Be(1);
    }

    [Fact]
    public async Task A_request_settled_after_the_stop_is_written_when_the_store_is_disposed_of()
    {
        var store = await StartAsync();
        var charge = await ChargeAsync(store, "a", reserve: 3);
        await store.StopAsync(Waiting.Token).InTime();
        await store.SettleAsync(charge, Any.Model(), new Spending(), 1, Waiting.Token);

        store.Dispose();

        (await LeftAsync(await StartAsync(), "a"))[2].Should().Be(("usd-day", 900));
    }

    [Fact]
    public async Task A_damaged_file_is_refused_at_the_start_in_a_sentence()
    {
        var store = await StartAsync();
        for (var request = 0; request < 200; request++)
        {
            await SpendAsync(store, $"key-{request}", 1);
        }

        await store.StopAsync(Waiting.Token).InTime();
        store.Dispose();
        Damage.PagesOf(_home.Home.DatabaseFile);

        (await ((Func<Task>)(() => StartAsync())).Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("relay.db")
            .And.Contain("Move it away");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-24)]
    public async Task A_clock_that_was_set_back_over_midnight_refunds_nothing(int hours)
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.StopAsync(Waiting.Token).InTime();
        _clock = new FakeTimeProvider(Any.Time.AddHours(hours));

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 9), ("day", 19), ("usd-day", 900));
        _clock.Advance(TimeSpan.FromDays(2));
        (await LeftAsync(again, "a")).Should().Equal(("minute", 10), ("day", 20), ("usd-day", 1000));
    }

    [Fact]
    public async Task Counts_of_a_clock_that_ran_days_ahead_shut_nobody_out()
    {
        _clock = new FakeTimeProvider(Any.Time.AddDays(5));
        var store = await StartAsync();
        await SpendAsync(store, "a", 10);
        await store.StopAsync(Waiting.Token).InTime();
        _clock = new FakeTimeProvider(Any.Time);

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Skip(1).Should().Equal(("day", 20), ("usd-day", 1000));
        _log.Lines.Should().ContainSingle(line => line.Contains("future days", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Usage_is_forgotten_after_longer_than_anybody_can_ask_for()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.StopAsync(Waiting.Token).InTime();
        _clock = new FakeTimeProvider(Any.Time.AddDays(GetUsageQuery.MaxDays));
        (await (await StartAsync()).ReadAsync(null, Today, Waiting.Token)).Should().ContainSingle();

        _clock = new FakeTimeProvider(Any.Time.AddDays(401));
        (await (await StartAsync()).ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty();
    }

    [Fact]
    public async Task The_seconds_of_a_minute_do_not_pile_up_on_the_disk()
    {
        var store = await StartAsync();
        for (var request = 0; request < 30; request++)
        {
            await SpendAsync(store, $"key-{request}", 0);
            _clock.Advance(TimeSpan.FromSeconds(60));
            await store.ReadAsync(null, Today, Waiting.Token);
        }

        Count("SELECT count(*) FROM minute;").Should().BeLessThan(5);
    }

    [Fact]
    public async Task From_many_threads_at_once_exactly_the_limit_is_charged_and_written()
    {
        var store = await StartAsync();
        var limits = Limits with { PerMinute = 100, PerDay = 100, UsdPerDay = null };

        var admitted = await Task.WhenAll(
                Enumerable
                    .Range(0, 500)
                    .Select(_ =>
                        Task.Run(
                            async () => (await store.ChargeAsync("a", Any.Model(), limits, 0.01m, Waiting.Token)).Charge is not null,
                            Waiting.Token
                        )
                    )
            )
            .InTime();
        await store.StopAsync(Waiting.Token).InTime();

        admitted.Count(it => it).Should().Be(100);
        StoredRequests().Should().Be(100);
    }

    [Fact]
    public async Task A_caller_sees_its_own_usage_of_the_days_it_asks_for_and_what_is_left()
    {
        var store = await StartAsync();
        var (key, other) = (Any.Key("mine"), Any.Key("other"));
        await SpendAsync(store, key.Id, 1);
        await SpendAsync(store, other.Id, 2);
        _clock.Advance(TimeSpan.FromDays(1));
        await SpendAsync(store, key.Id, 4);
        var options = new LiveOptions<QuotaOptions>(new QuotaOptions { PerKeyDaily = 9 });
        var completions = Options.Create(new CompletionOptions());
        var queues = new FairQueues(options, _clock);
        var handler = new GetUsageHandler(
            store,
            new Admission(
                store,
                queues,
                new FailureLimit(options, _clock),
                new UpstreamLimits(_clock),
                new ModelCatalog(completions),
                new NoFleet(),
                options,
                completions,
                _clock
            ),
            _clock
        );
        using var place = await queues[QuotaBucket.Completions].EnterAsync(key.Id, () => 4, TimeSpan.Zero, Waiting.Token);

        var (one, two) = (
            (await handler.Handle(new GetUsageQuery(key, 1), Waiting.Token)).Value,
            (await handler.Handle(new GetUsageQuery(key, 2), Waiting.Token)).Value
        );

        one.Rows.Select(row => (row.KeyId, row.Usage.CostUsd)).Should().Equal((key.Id, 4));
        two.Rows.Select(row => (row.KeyId, row.Usage.CostUsd)).Should().Equal((key.Id, 1), (key.Id, 4));
        one.Limits.PerDay.Should().Be(9);
        one.Statuses.Select(status => (status.Policy, status.Remaining))
            .Should()
            .Equal(("minute", 29), ("day", 8), ("concurrency", 6), ("fetch-minute", 60), ("fetch-day", 2000), ("fetch-concurrency", 8));
    }

    [Fact]
    public async Task Pages_are_counted_apart_from_completions_also_after_a_restart()
    {
        var pages = new QuotaLimits(3, 5, Many, 4, null, QuotaBucket.Fetches);
        var store = await StartAsync();
        await SpendAsync(store, "a", 1.25m);
        for (var page = 0; page < 3; page++)
        {
            var charge = (await store.ChargeAsync("a", null, pages, 0, Waiting.Token)).Charge!;
            await store.SettleAsync(charge, null, new Spending(), 0, Waiting.Token);
        }

        (await store.ChargeAsync("a", null, pages, 0, Waiting.Token))
            .Refusal!.Should()
            .Match<RelayError>(error => error.Code == ErrorCode.RateLimited && error.Message.Contains("3 pages"));
        await store.StopAsync(Waiting.Token).InTime();
        _clock.Advance(TimeSpan.FromSeconds(20));

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 9), ("day", 19), ("usd-day", 875));
        (await again.PeekAsync("a", pages, Waiting.Token))
            .Statuses.Select(status => (status.Policy, status.Remaining))
            .Should()
            .Equal(("fetch-minute", 0), ("fetch-day", 2));
        (await again.ReadAsync("a", Today, Waiting.Token)).Select(row => (row.Model, row.Requests)).Should().Equal(("opus", 1), (null, 3));
    }

    [Fact]
    public async Task A_database_of_the_version_before_keeps_its_counts()
    {
        using (var old = new SqliteConnection($"Data Source={_home.Home.DatabaseFile};Pooling=False"))
        {
            old.Open();
            RelayDatabase.Execute(
                old,
                $"""
                CREATE TABLE usage (day TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
                    cache_creation_input_tokens INTEGER NOT NULL, cache_read_input_tokens INTEGER NOT NULL, cost_micro_usd INTEGER NOT NULL, reserved_micro_usd INTEGER NOT NULL, PRIMARY KEY (day, key_id, model)) WITHOUT ROWID;
                CREATE TABLE minute (key_id TEXT NOT NULL, unix_second INTEGER NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (key_id, unix_second)) WITHOUT ROWID;
                CREATE INDEX minute_by_second ON minute (unix_second);
                CREATE TABLE last_use (key_id TEXT PRIMARY KEY, unix_second INTEGER NOT NULL) WITHOUT ROWID;
                INSERT INTO usage VALUES ('2026-03-14', 'a', 'opus', 3, 1, 2, 3, 4, 1500000, 0);
                INSERT INTO minute VALUES ('a', {Any.Time.ToUnixTimeSeconds() - 5}, 2);
                PRAGMA user_version = 1;
                """
            );
        }

        var store = await StartAsync();

        (await LeftAsync(store, "a")).Should().Equal(("minute", 8), ("day", 17), ("usd-day", 850));
    }

    [Fact]
    public async Task The_operator_sees_what_all_used_with_the_labels_of_revoked_keys_too()
    {
        var store = await StartAsync();
        var (key, revoked) = (Any.Key("mine"), Any.Key("old").Revoke(Any.Time));
        await SpendAsync(store, key.Id, 1);
        await SpendAsync(store, revoked.Id, 2);
        var keys = Substitute.For<IKeyRepository>();
        keys.ReadAsync(Waiting.Token).Returns(Result<IReadOnlyList<ApiKey>>.Success([key, revoked]));
        var handler = new ReportUsageHandler(store, keys, _clock);

        var report = (await handler.Handle(new ReportUsageQuery(1), Waiting.Token)).Value;

        report.Rows.Should().HaveCount(2);
        (await handler.Handle(new ReportUsageQuery(7), Waiting.Token)).Value.ByDay().Should().HaveCount(7, "days without usage, too");
        report.Rows.Select(row => report.Labels[row.KeyId]).Should().BeEquivalentTo("mine", "old");
        keys.ReadAsync(Waiting.Token).Returns(new RelayError(ErrorCode.InternalError, "broken"));
        (await handler.Handle(new ReportUsageQuery(1), Waiting.Token)).Error!.Message.Should().Be("broken");
    }

    private async Task<QuotaStore> StartAsync()
    {
        var store = new QuotaStore(_database, _clock, _log);
        _stores.Add(store);
        await store.StartAsync(Waiting.Token);
        return store;
    }

    private static async Task<QuotaCharge> ChargeAsync(QuotaStore store, string keyId, decimal reserve = 0.01m, string model = "opus") =>
        (await store.ChargeAsync(keyId, Any.Model(model), Limits, reserve, Waiting.Token)).Charge!;

    private static async Task SpendAsync(QuotaStore store, string keyId, decimal usd, string model = "opus", TokenUsage? tokens = null) =>
        await store.SettleAsync(
            await ChargeAsync(store, keyId, model: model),
            Any.Model(model),
            new Spending { Usage = tokens },
            usd,
            Waiting.Token
        );

    private static async Task<List<(string Policy, long Remaining)>> LeftAsync(QuotaStore store, string keyId) =>
        [.. (await store.PeekAsync(keyId, Limits, Waiting.Token)).Statuses.Select(status => (status.Policy, status.Remaining))];

    private long StoredRequests() => Count("SELECT coalesce(sum(requests), 0) FROM usage;");

    private long Count(string sql)
    {
        using var connection = _database.Open();
        using var command = new SqliteCommand(sql, connection);
        return (long)command.ExecuteScalar()!;
    }

    private void Execute(string sql)
    {
        using var connection = _database.Open();
        RelayDatabase.Execute(connection, sql);
    }
}
