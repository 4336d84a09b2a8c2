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
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Infrastructure.Sqlite;

/// <summary>The usage by day, key and model.</summary>
public sealed class StoredUsageTests : QuotaStoreTestBase
{
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
        Clock.Advance(TimeSpan.FromDays(1));
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
        (await new UsageReader(Database, NullLogger<UsageReader>.Instance).ReadAsync("b", Today, Waiting.Token))
            .Should()
            .ContainSingle("the operator's commands read the same while the relay runs");
    }

    [Fact]
    public async Task A_charge_from_before_midnight_that_is_settled_after_it_counts_for_yesterday()
    {
        Clock = new FakeTimeProvider(new DateTimeOffset(2026, 3, 14, 23, 59, 59, TimeSpan.Zero));
        var store = await StartAsync();
        var charge = await ChargeAsync(store, "a", reserve: 1);
        Clock.Advance(TimeSpan.FromSeconds(2));

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
        Clock.Advance(TimeSpan.FromSeconds(90));
        await SpendAsync(store, "b", 0);
        await store.StopAsync(Waiting.Token).InTime();

        var expected = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal) { ["a"] = Any.Time, ["b"] = Any.Time.AddSeconds(90) };
        (await (await StartAsync()).ReadLastUsedAsync(Waiting.Token)).Should().Equal(expected);
        (await new UsageReader(Database, NullLogger<UsageReader>.Instance).ReadLastUsedAsync(Waiting.Token)).Should().Equal(expected);
    }

    [Fact]
    public async Task Before_a_relays_first_run_usage_is_empty_and_reading_makes_no_file()
    {
        var reader = new UsageReader(Database, NullLogger<UsageReader>.Instance);
        (await reader.ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty();
        (await reader.ReadLastUsedAsync(Waiting.Token)).Should().BeEmpty();
        Database.Exists.Should().BeFalse();
    }

    [Fact]
    public async Task Usage_is_forgotten_after_longer_than_anybody_can_ask_for()
    {
        var store = await StartAsync();
        await SpendAsync(store, "a", 1);
        await store.StopAsync(Waiting.Token).InTime();
        Clock = new FakeTimeProvider(Any.Time.AddDays(GetUsageQuery.MaxDays));
        (await (await StartAsync()).ReadAsync(null, Today, Waiting.Token)).Should().ContainSingle();

        Clock = new FakeTimeProvider(Any.Time.AddDays(401));
        (await (await StartAsync()).ReadAsync(null, Today, Waiting.Token)).Should().BeEmpty();
    }

    [Fact]
    public async Task A_caller_sees_its_own_usage_of_the_days_it_asks_for_and_what_is_left()
    {
        var store = await StartAsync();
        var (key, other) = (Any.Key("mine"), Any.Key("other"));
        await SpendAsync(store, key.Id, 1);
        await SpendAsync(store, other.Id, 2);
        Clock.Advance(TimeSpan.FromDays(1));
        await SpendAsync(store, key.Id, 4);
        var options = new LiveOptions<QuotaOptions>(new QuotaOptions { PerKeyDaily = 9 });
        var completions = Options.Create(new CompletionOptions());
        var queues = new FairQueues(options, Clock);
        var handler = new GetUsageHandler(
            store,
            new Admission(
                store,
                queues,
                new FailureLimit(options, Clock),
                new UpstreamLimits(Clock),
                new ModelCatalog(completions),
                new NoFleet(),
                options,
                completions,
                Clock
            ),
            Clock
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
    public async Task The_operator_sees_what_all_used_with_the_labels_of_revoked_keys_too()
    {
        var store = await StartAsync();
        var (key, revoked) = (Any.Key("mine"), Any.Key("old").Revoke(Any.Time));
        await SpendAsync(store, key.Id, 1);
        await SpendAsync(store, revoked.Id, 2);
        var keys = Substitute.For<IKeyRepository>();
        keys.ReadAsync(Waiting.Token).Returns(Result<IReadOnlyList<ApiKey>>.Success([key, revoked]));
        var handler = new ReportUsageHandler(store, keys, Clock);

        var report = (await handler.Handle(new ReportUsageQuery(1), Waiting.Token)).Value;

        report.Rows.Should().HaveCount(2);
        (await handler.Handle(new ReportUsageQuery(7), Waiting.Token)).Value.ByDay().Should().HaveCount(7, "days without usage, too");
        report.Rows.Select(row => report.Labels[row.KeyId]).Should().BeEquivalentTo("mine", "old");
        keys.ReadAsync(Waiting.Token).Returns(new RelayError(ErrorCode.InternalError, "broken"));
        (await handler.Handle(new ReportUsageQuery(1), Waiting.Token)).Error!.Message.Should().Be("broken");
    }
}
