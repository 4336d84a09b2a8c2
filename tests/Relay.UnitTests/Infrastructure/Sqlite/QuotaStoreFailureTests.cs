using System.Reflection;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Quotas;
using Relay.Infrastructure;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

/// <summary>Files, disks and clocks that fail.</summary>
public sealed class QuotaStoreFailureTests : QuotaStoreTestBase
{
    [Fact]
    public async Task Only_the_owner_may_read_the_database_and_its_companions()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.ReadAsync(null, Today, Waiting.Token);

        var files = Directory.EnumerateFiles(Home.Home.Path, "relay.db*").ToList();
        files.Select(Path.GetFileName).Should().BeEquivalentTo("relay.db", "relay.db-wal", "relay.db-shm");
        files.Select(File.GetUnixFileMode).Should().OnlyContain(mode => mode == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_in_a_sentence_and_left_alone()
    {
        var text = new string('x', 10_000);
        File.WriteAllText(Home.Home.DatabaseFile, text);

        (await ((Func<Task>)(() => StartAsync())).Should().ThrowAsync<StartupException>())
            .Which.Message.Should()
            .Contain("can't be opened")
            .And.Contain("Move it away");

        File.ReadAllText(Home.Home.DatabaseFile).Should().Be(text);
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
    public async Task A_disk_that_fails_is_a_problem_keeps_the_limits_and_loses_nothing_when_it_works_again()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.ReadAsync(null, Today, Waiting.Token);
        Execute("ALTER TABLE last_use RENAME TO gone;");
        await SpendAsync(store, "a", 2);
        await Waiting.UntilAsync(() => store.Problem is not null, "the problem is told", () => Clock.Advance(FlushInterval));
        store.Problem.Should().Contain("relay.db can't be written");
        await store.ReadAsync(null, Today, Waiting.Token);
        await store.ReadAsync(null, Today, Waiting.Token);
        await SpendAsync(store, "a", 3);
        (await LeftAsync(store, "a")).Skip(1).Should().Equal(("day", 17), ("usd-day", 400));
        for (var request = 0; request < 17; request++)
        {
            await SpendAsync(store, "a", 0);
            Clock.Advance(TimeSpan.FromSeconds(20));
        }

        (await store.ChargeAsync("a", Any.Model(), Limits, 0.01m, Waiting.Token)).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);

        Execute("ALTER TABLE gone RENAME TO last_use;");
        await Waiting.UntilAsync(() => store.Problem is null, "the problem is over", () => Clock.Advance(FlushInterval));
        await store.StopAsync(Waiting.Token).InTime();
        Log.Lines.Should().ContainSingle("the problem is told once");

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

        await Waiting.UntilAsync(() => store.Problem is not null, "the problem is told", () => Clock.Advance(FlushInterval));
        connection.Open();
        await Waiting.UntilAsync(() => store.Problem is null, "the problem is over", () => Clock.Advance(FlushInterval));

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
        Damage.PagesOf(Home.Home.DatabaseFile);

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
        Clock = new FakeTimeProvider(Any.Time.AddHours(hours));

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Should().Equal(("minute", 9), ("day", 19), ("usd-day", 900));
        Clock.Advance(TimeSpan.FromDays(2));
        (await LeftAsync(again, "a")).Should().Equal(("minute", 10), ("day", 20), ("usd-day", 1000));
    }

    [Fact]
    public async Task Counts_of_a_clock_that_ran_days_ahead_shut_nobody_out()
    {
        Clock = new FakeTimeProvider(Any.Time.AddDays(5));
        var store = await StartAsync();
        await SpendAsync(store, "a", 10);
        await store.StopAsync(Waiting.Token).InTime();
        Clock = new FakeTimeProvider(Any.Time);

        var again = await StartAsync();

        (await LeftAsync(again, "a")).Skip(1).Should().Equal(("day", 20), ("usd-day", 1000));
        Log.Lines.Should().ContainSingle(line => line.Contains("future days", StringComparison.Ordinal));
    }
}
