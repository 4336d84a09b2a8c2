using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

/// <summary>The counts, over restarts and crashes.</summary>
public sealed class QuotaStoreTests : QuotaStoreTestBase
{
    [Fact]
    public async Task A_restart_loses_nothing_of_the_day_and_nothing_of_the_minute()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1.25m);
        await SpendAsync(store, "a", 0.5m);
        await SpendAsync(store, "b", 0);
        await store.StopAsync(Waiting.Token).InTime();
        Clock.Advance(TimeSpan.FromSeconds(20));

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 8), ("day", 18), ("usd-day", 825));
        (await LeftAsync(again, "b")).Should().Equal(("minute", 9), ("day", 19), ("usd-day", 1000));
        Clock.Advance(TimeSpan.FromSeconds(41));
        (await LeftAsync(again, "a"))[0].Should().Be(("minute", 10));
        Log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_crash_loses_at_most_what_the_last_half_second_had_and_counts_what_ran_as_spent()
    {
        var store = await StartAsync();
        await ChargeAsync(store, "a", reserve: 1.5m);
        await SpendAsync(store, "a", 0.5m);
        await Waiting.UntilAsync(() => StoredRequests() == 2, "both are on the disk", () => Clock.Advance(FlushInterval));
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
                Clock = new FakeTimeProvider(Any.Time.AddMilliseconds(numbers[0] % 1000));
                using var first = new QuotaStore(new RelayDatabase(home.Home), Clock, Log);
                first.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
                Clock.Advance(TimeSpan.FromMilliseconds(numbers[1]));
                var at = Clock.GetUtcNow();
                Charge(first).Should().BeTrue();
                Clock.Advance(TimeSpan.FromMilliseconds(numbers[2]));
                first.StopAsync(CancellationToken.None).GetAwaiter().GetResult();

                using var second = new QuotaStore(new RelayDatabase(home.Home), Clock, Log);
                second.StartAsync(CancellationToken.None).GetAwaiter().GetResult();
                Clock.Advance(at + MinuteWindow.Length - TimeSpan.FromMilliseconds(1) - Clock.GetUtcNow());
                Charge(second).Should().BeFalse("it is not sixty seconds yet");
                Clock.Advance(TimeSpan.FromSeconds(3));
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
        await Waiting.UntilAsync(() => StoredRequests() == 1, "the charge is on the disk", () => Clock.Advance(FlushInterval));
        await store.GiveBackAsync(charge, Any.Model(), Waiting.Token);
        await store.StopAsync(Waiting.Token).InTime();

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 10), ("day", 20), ("usd-day", 1000));
        (await again.ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty("nothing was used");
    }

    [Fact]
    public async Task The_seconds_of_a_minute_do_not_pile_up_on_the_disk()
    {
        var store = await StartAsync();
        for (var request = 0; request < 30; request++)
        {
            await SpendAsync(store, $"key-{request}", 0);
            Clock.Advance(TimeSpan.FromSeconds(60));
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
        Clock.Advance(TimeSpan.FromSeconds(20));

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
        using (var old = new SqliteConnection($"Data Source={Home.Home.DatabaseFile};Pooling=False"))
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
}
