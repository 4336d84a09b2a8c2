using NSubstitute;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>The cost of a request in requests and money, by its end.</summary>
public sealed class AdmissionCostTests : AdmissionTestBase
{
    [Fact]
    public async Task A_caller_that_has_left_before_it_is_charged_costs_nothing()
    {
        var admitting = () => Admission.AdmitAsync(new Request(Key), new CancellationToken(canceled: true));
        await admitting.Should().ThrowAsync<OperationCanceledException>();
        await ShouldHaveUsedAsync(requests: 0);
    }

    [Fact]
    public async Task The_accounts_own_limit_refuses_before_anything_is_charged()
    {
        Hit(AccountLimit);
        var request = new Request(Key);

        (await NowAsync(request))
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.UpstreamRateLimited, RetryAfter = TimeSpan.FromSeconds(30) });

        await ShouldHaveUsedAsync(requests: 0);
        request.Context.Model.Should().Be(Any.Model(), "its line in the audit log names it");
    }

    [Fact]
    public async Task A_limit_of_the_account_that_is_met_while_a_request_waits_costs_it_nothing_and_frees_its_place()
    {
        var running = (await NowAsync(new Request(Key))).Value;
        var waiting = AdmitAsync(new Request(Key));

        await Admission.EndAsync(running, new Spending { HitLimit = AccountLimit }, succeeded: false);

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.UpstreamRateLimited);
        await ShouldHaveUsedAsync(requests: 0);
        Queue.RunningOf(Key.Id).Should().Be(0);
    }

    [Fact]
    public async Task A_store_that_fails_takes_no_place()
    {
        var store = Substitute.For<IQuotaStore>();
        store
            .ChargeAsync(default!, default!, default, default, Waiting.Token)
            .ReturnsForAnyArgs<QuotaDecision>(_ => throw new InvalidOperationException("a bug"));
        var admitting = () => Over(store).AdmitAsync(new Request(Key), Waiting.Token);

        await admitting.Should().ThrowAsync<InvalidOperationException>();

        Queue.RunningOf(Key.Id).Should().Be(0);
        (await NowAsync(new Request(Key)).InTime()).Error.Should().BeNull();
    }

    [Fact]
    public async Task A_store_that_fails_at_the_end_keeps_no_place_and_no_try()
    {
        Hit(AccountLimit);
        Clock.Advance(TimeSpan.FromSeconds(30));
        var admitted = (await NowAsync(new Request(Key))).Value;
        var ending = () => Over(new FailingStore()).EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: false);

        await ending.Should().ThrowAsync<InvalidOperationException>();

        Queue.RunningOf(Key.Id).Should().Be(0);
        Upstream.Enter(Any.Model()).Error.Should().BeNull("the next one may try");
    }

    [Fact]
    public async Task A_request_that_reached_the_API_is_settled_and_frees_its_place()
    {
        var admitted = (await NowAsync(new Request(Key))).Value;

        await Admission.EndAsync(admitted, new Spending { ReachedApi = true, Usage = new TokenUsage(1, 2, 3, 4, 2.5m) }, succeeded: true);

        await ShouldHaveUsedAsync(requests: 1, cents: 250);
        Queue.RunningOf(Key.Id).Should().Be(0);
    }

    [Fact]
    public async Task A_page_is_charged_whatever_came_of_it_and_takes_nothing_of_completions()
    {
        Settings.FetchPerKeyConcurrency = 2;
        var request = new PageRequest(Any.Context(Key));

        var admitted = (await Over(Store).AdmitAsync(request, Waiting.Token)).Value;

        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Remaining))
            .Should()
            .Equal(("fetch-minute", 59), ("fetch-day", 1999), ("fetch-concurrency", 1));
        (Queue.RunningOf(Key.Id), Queues[QuotaBucket.Fetches].RunningOf(Key.Id), admitted.Charge.ReservedUsd).Should().Be((0, 1, 0));
        (await Over(Store).EndAsync(admitted, request.Context.Spending, succeeded: false)).Should().BeNull();
        (await Over(Store).PeekAsync(Key, QuotaBucket.Fetches, Waiting.Token))
            .Statuses.Select(quota => quota.Remaining)
            .Should()
            .Equal(59, 1999, 2);
        (await Over(Store).PeekAsync(Key, QuotaBucket.Completions, Waiting.Token))
            .Statuses.Select(quota => quota.Remaining)
            .Should()
            .Equal(100, 100, 1000, 1);
    }

    [Fact]
    public async Task A_request_that_was_left_before_a_token_was_counted_costs_its_reserved_sum()
    {
        var admitted = (await NowAsync(new Request(Key, inputBytes: 900_000))).Value;
        await Admission.EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: false);
        await ShouldHaveUsedAsync(requests: 1, cents: (long)Math.Ceiling(admitted.Charge.ReservedUsd * 100));
        admitted.Charge.ReservedUsd.Should().BeGreaterThan(1);
    }

    [Fact]
    public async Task Unlisted_ids_of_models_count_under_their_family()
    {
        for (var number = 0; number < 5; number++)
        {
            var request = new Request(Key, model: $"claude-opus-{number}");
            var admitted = (await NowAsync(request)).Value;
            request.Context.Model!.Value.Should().Be($"claude-opus-{number}", "the audit log names what was asked for");
            await Admission.EndAsync(
                admitted,
                new Spending { ReachedApi = true, Usage = new TokenUsage(1, 2, 3, 4, 0.1m) },
                succeeded: true
            );
        }

        await Store.StartAsync(Waiting.Token);
        (await Store.ReadAsync(null, DateOnly.MinValue, Waiting.Token))
            .Select(row => (row.Model, row.Requests))
            .Should()
            .Equal(("opus", 5));
        await Store.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_failure_of_the_relay_itself_costs_nothing()
    {
        var admitted = (await NowAsync(new Request(Key, inputBytes: 600_000))).Value;
        await Admission.EndAsync(admitted, new Spending(), succeeded: false);
        await ShouldHaveUsedAsync(requests: 0);
        Queue.RunningOf(Key.Id).Should().Be(0);
    }

    private sealed class FailingStore : IQuotaStore
    {
        public ValueTask<QuotaDecision> ChargeAsync(
            string keyId,
            ModelName? model,
            QuotaLimits limits,
            decimal reserveUsd,
            CancellationToken cancellationToken
        ) => throw new InvalidOperationException("a bug");

        public ValueTask SettleAsync(
            QuotaCharge charge,
            ModelName? model,
            Spending spending,
            decimal costUsd,
            CancellationToken cancellationToken
        ) => throw new InvalidOperationException("a bug");

        public ValueTask GiveBackAsync(QuotaCharge charge, ModelName? model, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("a bug");

        public Task WaitForPlaceAsync(QuotaCharge charge, Func<int> places, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("a bug");

        public QuotaDecision? FindKnownRefusal(string keyId, QuotaLimits limits) => throw new InvalidOperationException("a bug");

        public ValueTask<QuotaDecision> PeekAsync(string keyId, QuotaLimits limits, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("a bug");
    }
}
