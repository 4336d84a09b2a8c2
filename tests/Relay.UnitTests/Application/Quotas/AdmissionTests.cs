using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Relay.Application.Completions;
using Relay.Application.Fleet;
using Relay.Application.Models;
using Relay.Application.Pipeline;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Completions;
using Relay.Domain.Keys;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Sqlite;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>Over the real counts: that something costs nothing is only seen in what is left.</summary>
public sealed class AdmissionTests : IDisposable
{
    private static readonly UpstreamLimit AccountLimit = new("five_hour", null);

    private readonly TemporaryHome _home = new();
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly QuotaOptions _options = new()
    {
        GlobalConcurrency = 1,
        QueueLimit = 1,
        PerKeyDaily = 100,
        PerKeyRpm = 100,
    };
    private readonly QuotaStore _store;
    private readonly UpstreamLimits _upstream;
    private readonly IFleet _fleet = Substitute.For<IFleet>();
    private readonly ApiKey _key = Any.Key() with { Limits = new KeyLimits(UsdPerDay: 10) };
    private LiveOptions<QuotaOptions>? _live;
    private FairQueues? _queues;

    public AdmissionTests()
    {
        // Not started: it counts, and has no file to write to.
        _store = new QuotaStore(new RelayDatabase(_home.Home), _clock, new LogLines<QuotaStore>());
        _upstream = new UpstreamLimits(_clock);
        _fleet.Alive.Returns(1);
    }

    /// <summary>Made with the options as the test has set them.</summary>
    private FairQueues Queues => _queues ??= new FairQueues(_live ??= new LiveOptions<QuotaOptions>(_options), _clock);

    private FairQueue Queue => Queues[QuotaBucket.Completions];

    public void Dispose()
    {
        _queues?.Dispose();
        _store.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task An_admitted_request_has_a_charge_a_place_a_pass_and_the_standing_of_its_key()
    {
        var request = new Request(_key);

        var admitted = (await NowAsync(request)).Value;

        (admitted.Charge.KeyId, admitted.Model!.Value).Should().Be((_key.Id, "opus"));
        admitted.Charge.ReservedUsd.Should().Be(ModelPrice.Of(Any.Model()).Estimate(101, 16_000));
        Queue.RunningOf(_key.Id).Should().Be(1);
        request.Context.Model.Should().Be(Any.Model());
        request.Context.QueueTime.Should().Be(TimeSpan.Zero);
        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Remaining))
            .Should()
            .Equal(("minute", 99), ("day", 99), ("usd-day", 997), ("concurrency", 0));
    }

    [Fact]
    public async Task A_key_counts_by_its_own_limits_and_by_the_operators_where_it_has_none()
    {
        (_options.GlobalConcurrency, _options.PerKeyConcurrency) = (8, 3);
        var request = new Request(Any.Key() with { Limits = new KeyLimits(RequestsPerMinute: 7, Concurrency: 20) });

        await NowAsync(request);

        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Limit))
            .Should()
            .Equal(("minute", 7), ("day", 100), ("concurrency", 8));
        _options.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 1).Should().Be(new QuotaLimits(100, 100, 5000, 3, null));
    }

    [Fact]
    public async Task A_key_may_have_the_places_of_all_relays_and_no_more()
    {
        (_options.GlobalConcurrency, _options.FetchConcurrency) = (4, 5);
        _fleet.Alive.Returns(3);

        foreach (var (own, expected) in ((int?, int)[])[(null, 9), (9, 9), (20, 12)])
        {
            var request = new Request(Any.Key() with { Limits = new KeyLimits(Concurrency: own) });
            await NowAsync(request);
            request.Context.Quotas!.Single(quota => quota.Policy == "concurrency").Limit.Should().Be(expected);
        }

        _options.LimitsOf(_key, QuotaBucket.Fetches, relays: 3).Concurrency.Should().Be(8, "as many of one key as are set");
        _options.LimitsOf(_key, QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(4, "one place is left to others");
        _options.FetchPerKeyConcurrency = 8;
        _options.LimitsOf(_key, QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(5, "no key can have more places than there are");
    }

    [Fact]
    public async Task Time_in_the_queue_is_told()
    {
        var running = (await NowAsync(new Request(_key))).Value;
        var request = new Request(_key);
        var waiting = AdmitAsync(request);
        _clock.Advance(TimeSpan.FromSeconds(3));
        await Admission.EndAsync(running, new Spending(), succeeded: true);
        (await waiting.InTime()).Error.Should().BeNull();
        request.Context.QueueTime.Should().Be(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_key_at_its_limit_is_refused_and_told_how_it_stands()
    {
        _options.PerKeyRpm = 1;
        await NowAsync(new Request(_key));
        var request = new Request(_key);

        (await NowAsync(request))
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.RateLimited, RetryAfter = TimeSpan.FromSeconds(60) });

        request.Context.Quotas!.First(quota => quota.Policy == "minute").Remaining.Should().Be(0);
        request.Context.QueueTime.Should().BeNull("it never came that far");
    }

    [Fact]
    public async Task A_full_queue_costs_nothing()
    {
        await NowAsync(new Request(_key));
        _ = AdmitAsync(new Request(_key));

        var third = new Request(_key);
        var refusal = (await NowAsync(third).InTime()).Error!;

        third.Context.QueueTime.Should().BeNull("it did not stand in it: the audit log counts such ones together");
        refusal.Code.Should().Be(ErrorCode.QueueFull);
        refusal.RetryAfter.Should().Be(Queue.EstimateWait(_key.Id, 1)).And.BeGreaterThan(TimeSpan.Zero);
        await ShouldHaveUsedAsync(requests: 2);
    }

    [Fact]
    public async Task To_be_pushed_out_of_the_queue_costs_nothing()
    {
        _options.QueueLimit = 2;
        await NowAsync(new Request(_key));
        var (first, second) = (AdmitAsync(new Request(_key)), AdmitAsync(new Request(_key)));

        _ = AdmitAsync(new Request(Any.Key("other")));

        (await second.InTime()).Error!.Code.Should().Be(ErrorCode.QueueFull);
        first.IsCompleted.Should().BeFalse();
        await ShouldHaveUsedAsync(requests: 2);
    }

    [Fact]
    public async Task To_have_waited_too_long_costs_nothing()
    {
        await NowAsync(new Request(_key));
        var waiting = AdmitAsync(new Request(_key));
        _clock.Advance(_options.QueueTimeout);

        var refusal = (await waiting.InTime()).Error!;

        (refusal.Code, refusal.RetryAfter).Should().Be((ErrorCode.Overloaded, Queue.EstimateWait(_key.Id, 1)));
        refusal.Message.Should().Contain("20 s");
        await ShouldHaveUsedAsync(requests: 1);
    }

    [Fact]
    public async Task To_leave_the_queue_costs_nothing()
    {
        await NowAsync(new Request(_key));
        using var left = new CancellationTokenSource();
        var leaver = Admission.AdmitAsync(new Request(_key), left.Token);

        await left.CancelAsync();

        await ((Func<Task>)(() => leaver.InTime())).Should().ThrowAsync<OperationCanceledException>();
        await ShouldHaveUsedAsync(requests: 1);
        Queue.Load.Waiting.Should().Be(0);
    }

    [Fact]
    public async Task A_caller_that_has_left_before_it_is_charged_costs_nothing()
    {
        var admitting = () => Admission.AdmitAsync(new Request(_key), new CancellationToken(canceled: true));
        await admitting.Should().ThrowAsync<OperationCanceledException>();
        await ShouldHaveUsedAsync(requests: 0);
    }

    [Fact]
    public async Task The_accounts_own_limit_refuses_before_anything_is_charged()
    {
        Hit(AccountLimit);
        var request = new Request(_key);

        (await NowAsync(request))
            .Error.Should()
            .BeEquivalentTo(new { Code = ErrorCode.UpstreamRateLimited, RetryAfter = TimeSpan.FromSeconds(30) });

        await ShouldHaveUsedAsync(requests: 0);
        request.Context.Model.Should().Be(Any.Model(), "its line in the audit log names it");
    }

    [Fact]
    public async Task A_limit_of_the_account_that_is_met_while_a_request_waits_costs_it_nothing_and_frees_its_place()
    {
        var running = (await NowAsync(new Request(_key))).Value;
        var waiting = AdmitAsync(new Request(_key));

        await Admission.EndAsync(running, new Spending { HitLimit = AccountLimit }, succeeded: false);

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.UpstreamRateLimited);
        await ShouldHaveUsedAsync(requests: 0);
        Queue.RunningOf(_key.Id).Should().Be(0);
    }

    [Fact]
    public async Task Without_one_of_its_keys_places_in_the_fleet_a_request_waits_in_the_queue_and_what_is_wider_is_told()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (4, 4);
        var store = Substitute.For<IQuotaStore>();
        var place = new TaskCompletionSource();
        var charge = new QuotaCharge(_key.Id, new DateOnly(2026, 3, 14), 0, 0, QuotaBucket.Completions, "r.1", IsWaiting: true);
        store
            .ChargeAsync(default!, default!, default, default, Waiting.Token)
            .ReturnsForAnyArgs(new QuotaDecision(charge, null, [], Running: 3));
        store.WaitForPlaceAsync(charge, Arg.Any<Func<int>>(), Arg.Any<CancellationToken>()).Returns(place.Task);
        var request = new Request(_key);
        var admitting = Over(store).AdmitAsync(request, Waiting.Token);
        (admitting.IsCompleted, Queue.Load.Waiting).Should().Be((false, 1));

        place.SetResult();

        (await admitting.InTime()).Error.Should().BeNull();
        request
            .Context.Quotas!.Single()
            .Should()
            .Be(new QuotaStatus("concurrency", 3, 0, null, null), "three of the fleet run, and three may");
        _clock.Advance(TimeSpan.FromSeconds(1));
        store.WaitForPlaceAsync(charge, Arg.Any<Func<int>>(), Arg.Any<CancellationToken>()).Returns(new TaskCompletionSource().Task);
        var patient = Over(store).AdmitAsync(new Request(_key), Waiting.Token);
        _clock.Advance(_options.QueueTimeout);
        (await patient.InTime()).Error!.Code.Should().Be(ErrorCode.Overloaded);
        await store.Received(1).GiveBackAsync(charge, Any.Model(), Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task A_store_that_fails_takes_no_place()
    {
        var store = Substitute.For<IQuotaStore>();
        store
            .ChargeAsync(default!, default!, default, default, Waiting.Token)
            .ReturnsForAnyArgs<QuotaDecision>(_ => throw new InvalidOperationException("a bug"));
        var admitting = () => Over(store).AdmitAsync(new Request(_key), Waiting.Token);

        await admitting.Should().ThrowAsync<InvalidOperationException>();

        Queue.RunningOf(_key.Id).Should().Be(0);
        (await NowAsync(new Request(_key)).InTime()).Error.Should().BeNull();
    }

    [Fact]
    public async Task A_store_that_fails_at_the_end_keeps_no_place_and_no_try()
    {
        Hit(AccountLimit);
        _clock.Advance(TimeSpan.FromSeconds(30));
        var admitted = (await NowAsync(new Request(_key))).Value;
        var ending = () => Over(new FailingStore()).EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: false);

        await ending.Should().ThrowAsync<InvalidOperationException>();

        Queue.RunningOf(_key.Id).Should().Be(0);
        _upstream.Enter(Any.Model()).Error.Should().BeNull("the next one may try");
    }

    [Fact]
    public async Task A_request_that_reached_the_API_is_settled_and_frees_its_place()
    {
        var admitted = (await NowAsync(new Request(_key))).Value;

        await Admission.EndAsync(admitted, new Spending { ReachedApi = true, Usage = new TokenUsage(1, 2, 3, 4, 2.5m) }, succeeded: true);

        await ShouldHaveUsedAsync(requests: 1, cents: 250);
        Queue.RunningOf(_key.Id).Should().Be(0);
    }

    [Fact]
    public async Task A_page_is_charged_whatever_came_of_it_and_takes_nothing_of_completions()
    {
        _options.FetchPerKeyConcurrency = 2;
        var request = new PageRequest(Any.Context(_key));

        var admitted = (await Over(_store).AdmitAsync(request, Waiting.Token)).Value;

        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Remaining))
            .Should()
            .Equal(("fetch-minute", 59), ("fetch-day", 1999), ("fetch-concurrency", 1));
        (Queue.RunningOf(_key.Id), Queues[QuotaBucket.Fetches].RunningOf(_key.Id), admitted.Charge.ReservedUsd).Should().Be((0, 1, 0));
        (await Over(_store).EndAsync(admitted, request.Context.Spending, succeeded: false)).Should().BeNull();
        (await Over(_store).PeekAsync(_key, QuotaBucket.Fetches, Waiting.Token))
            .Statuses.Select(quota => quota.Remaining)
            .Should()
            .Equal(59, 1999, 2);
        (await Over(_store).PeekAsync(_key, QuotaBucket.Completions, Waiting.Token))
            .Statuses.Select(quota => quota.Remaining)
            .Should()
            .Equal(100, 100, 1000, 1);
    }

    [Fact]
    public async Task A_request_that_was_left_before_a_token_was_counted_costs_its_reserved_sum()
    {
        var admitted = (await NowAsync(new Request(_key, inputBytes: 900_000))).Value;
        await Admission.EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: false);
        await ShouldHaveUsedAsync(requests: 1, cents: (long)Math.Ceiling(admitted.Charge.ReservedUsd * 100));
        admitted.Charge.ReservedUsd.Should().BeGreaterThan(1);
    }

    [Fact]
    public async Task Unlisted_ids_of_models_count_under_their_family()
    {
        for (var number = 0; number < 5; number++)
        {
            var request = new Request(_key, model: $"claude-opus-{number}");
            var admitted = (await NowAsync(request)).Value;
            request.Context.Model!.Value.Should().Be($"claude-opus-{number}", "the audit log names what was asked for");
            await Admission.EndAsync(
                admitted,
                new Spending { ReachedApi = true, Usage = new TokenUsage(1, 2, 3, 4, 0.1m) },
                succeeded: true
            );
        }

        await _store.StartAsync(Waiting.Token);
        (await _store.ReadAsync(null, DateOnly.MinValue, Waiting.Token))
            .Select(row => (row.Model, row.Requests))
            .Should()
            .Equal(("opus", 5));
        await _store.StopAsync(Waiting.Token);
    }

    [Fact]
    public async Task A_failure_of_the_relay_itself_costs_nothing()
    {
        var admitted = (await NowAsync(new Request(_key, inputBytes: 600_000))).Value;
        await Admission.EndAsync(admitted, new Spending(), succeeded: false);
        await ShouldHaveUsedAsync(requests: 0);
        Queue.RunningOf(_key.Id).Should().Be(0);
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData(4, 2)]
    [InlineData(12, 7)]
    [InlineData(600, 20)]
    public async Task A_client_that_says_how_long_it_waits_is_told_in_time(int? announcedSeconds, int waitSeconds)
    {
        // Nothing has run yet: an answer is reckoned to take five seconds, or half of what the client waits.
        await NowAsync(new Request(_key));
        var waiting = AdmitAsync(new Request(_key, patience: announcedSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null));

        _clock.Advance(TimeSpan.FromSeconds(waitSeconds) - TimeSpan.FromMilliseconds(1));
        waiting.IsCompleted.Should().BeFalse();
        _clock.Advance(TimeSpan.FromMilliseconds(1));

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.Overloaded);
    }

    [Fact]
    public async Task Of_many_at_once_as_many_are_charged_as_the_limits_allow_and_never_more_run_than_there_are_places()
    {
        (_options.GlobalConcurrency, _options.PerKeyConcurrency, _options.QueueLimit, _options.PerKeyDaily, _options.PerKeyRpm) = (
            4,
            4,
            1000,
            100,
            1000
        );
        var (running, most) = (0, 0);
        var admission = Admission;

        var results = await Task.WhenAll(
                Enumerable
                    .Range(0, 500)
                    .Select(_ =>
                        Task.Run(
                            async () =>
                            {
                                if (
                                    !(await admission.AdmitAsync(new Request(_key), Waiting.Token)).TryGet(
                                        out var admitted,
                                        out var refusal
                                    )
                                )
                                {
                                    return refusal.Code;
                                }

                                InterlockedMax(ref most, Interlocked.Increment(ref running));
                                await Task.Yield();
                                Interlocked.Decrement(ref running);
                                await admission.EndAsync(admitted, new Spending { ReachedApi = true }, succeeded: true);
                                return (ErrorCode?)null;
                            },
                            Waiting.Token
                        )
                    )
            )
            .InTime();

        results.Count(code => code is null).Should().Be(100);
        results.OfType<ErrorCode>().Should().HaveCount(400).And.OnlyContain(code => code == ErrorCode.DailyLimit);
        most.Should().BeInRange(1, 4);
        Queue.RunningOf(_key.Id).Should().Be(0);
    }

    [Fact]
    public async Task Limits_that_are_changed_count_from_the_next_request_on()
    {
        await NowAsync(new Request(_key));
        var waiting = AdmitAsync(new Request(Any.Key()));
        waiting.IsCompleted.Should().BeFalse("there is one place");

        _live!.Change(new QuotaOptions { GlobalConcurrency = 3, PerKeyDaily = 1 });

        (await waiting.InTime()).Error.Should().BeNull();
        (await NowAsync(new Request(Any.Key()))).Error.Should().BeNull("there are three places now");
        (await NowAsync(new Request(_key))).Error!.Code.Should().Be(ErrorCode.DailyLimit);
    }

    [Fact]
    public async Task Raised_places_let_in_the_waiting_requests_of_a_key_at_once()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (1, 10);
        await NowAsync(new Request(_key));
        var waiting = Enumerable.Range(0, 3).Select(_ => AdmitAsync(new Request(_key))).ToList();

        _live!.Change(new QuotaOptions { GlobalConcurrency = 4, QueueLimit = 10 });

        (await waiting[0].InTime()).Error.Should().BeNull();
        (await waiting[1].InTime()).Error.Should().BeNull();
        waiting[2].IsCompleted.Should().BeFalse("one key leaves one of four places to others");
        _live.Change(
            new QuotaOptions
            {
                GlobalConcurrency = 4,
                QueueLimit = 10,
                PerKeyConcurrency = 4,
            }
        );
        (await waiting[2].InTime()).Error.Should().BeNull();
    }

    [Fact]
    public async Task A_raised_limit_of_a_key_lets_in_its_waiting_requests_when_its_next_request_tells_of_the_limit()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (4, 10);
        var narrow = _key with { Limits = new KeyLimits(Concurrency: 1) };
        await NowAsync(new Request(narrow));
        var waiting = AdmitAsync(new Request(narrow));
        waiting.IsCompleted.Should().BeFalse();

        var next = AdmitAsync(new Request(narrow with { Limits = new KeyLimits(Concurrency: 3) }));

        (await waiting.InTime()).Error.Should().BeNull();
        (await next.InTime()).Error.Should().BeNull();
    }

    [Fact]
    public async Task By_default_one_key_leaves_a_place_of_this_relay_to_others()
    {
        (_options.GlobalConcurrency, _options.QueueLimit) = (4, 10);
        _fleet.Alive.Returns(2);
        var greedy = Enumerable.Range(0, 8).Select(_ => AdmitAsync(new Request(Any.Key() with { Id = _key.Id }))).ToList();

        greedy.Count(request => request.IsCompleted).Should().Be(3);
        (await NowAsync(new Request(Any.Key() with { Id = "key_bbbbbbbbbbbb" }))).Error.Should().BeNull();
        _options.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 2).Concurrency.Should().Be(6);
        _options.GlobalConcurrency = 1;
        _options.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 1).Concurrency.Should().Be(1);
    }

    [Fact]
    public async Task By_default_one_key_leaves_a_place_for_pages_of_this_relay_to_others()
    {
        (_options.FetchConcurrency, _options.QueueLimit) = (4, 10);
        _fleet.Alive.Returns(2);
        var greedy = Enumerable
            .Range(0, 8)
            .Select(_ => Over(_store).AdmitAsync(new PageRequest(Any.Context(Any.Key() with { Id = _key.Id })), Waiting.Token))
            .ToList();

        greedy.Count(request => request.IsCompleted).Should().Be(3);
        (await Over(_store).AdmitAsync(new PageRequest(Any.Context(Any.Key() with { Id = "key_bbbbbbbbbbbb" })), Waiting.Token).InTime())
            .Error.Should()
            .BeNull();
        _options.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 2).Concurrency.Should().Be(6);
        _options.FetchConcurrency = 1;
        _options.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(1);
        _options.FetchConcurrency = 16;
        _options.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(8);
    }

    [Fact]
    public async Task A_stopping_relay_lets_nothing_in_charges_nothing_and_says_so_before_a_body_is_read()
    {
        var running = (await NowAsync(new Request(_key))).Value;
        var waiting = AdmitAsync(new Request(_key));
        var admission = Admission;

        var drained = admission.CloseAsync(Waiting.Token);

        (await waiting.InTime()).Error!.Code.Should().Be(ErrorCode.ShuttingDown);
        var refused = (await NowAsync(new Request(_key))).Error!;
        refused.Code.Should().Be(ErrorCode.ShuttingDown);
        refused.RetryAfter.Should().BePositive();
        (await admission.PeekAsync(_key, QuotaBucket.Fetches, Waiting.Token)).Refusal!.Code.Should().Be(ErrorCode.ShuttingDown);
        admission.IsClosed.Should().BeTrue();
        drained.IsCompleted.Should().BeFalse();

        await admission.EndAsync(running, new Spending { ReachedApi = true }, succeeded: true);
        await drained.InTime();
        await ShouldHaveUsedAsync(1);
    }

    private Admission Admission => Over(_store);

    private Admission Over(IQuotaStore store)
    {
        var completions = Options.Create(new CompletionOptions());
        return new Admission(
            store,
            Queues,
            new FailureLimit(_live!, _clock),
            _upstream,
            new ModelCatalog(completions),
            _fleet,
            _live!,
            completions,
            _clock
        );
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private Task<Result<Admitted>> AdmitAsync(Request request) => Admission.AdmitAsync(request, Waiting.Token);

    /// <summary>Of which the answer is there at once.</summary>
    private Task<Result<Admitted>> NowAsync(Request request) => AdmitAsync(request).InTime();

    private void Hit(UpstreamLimit limit) =>
        _upstream.Report(new UpstreamPass(Any.Model(), []), new Spending { HitLimit = limit }, succeeded: false);

    private async Task ShouldHaveUsedAsync(int requests, long? cents = null)
    {
        var statuses = (
            await _store.PeekAsync(_key.Id, _options.LimitsOf(_key, QuotaBucket.Completions, relays: 1), Waiting.Token)
        ).Statuses;
        statuses
            .Where(status => status.Policy is "minute" or "day")
            .Select(status => status.Limit - status.Remaining)
            .Should()
            .Equal(requests, requests);
        if (requests == 0 || cents is not null)
        {
            statuses.Single(status => status.Policy == "usd-day").Remaining.Should().Be(1000 - (cents ?? 0));
        }
    }

    private sealed record PageRequest(RequestContext Context) : IAdmissible
    {
        public QuotaBucket Bucket => QuotaBucket.Fetches;
    }

    private sealed class Request(ApiKey key, int inputBytes = 300, TimeSpan? patience = null, string? model = null) : ISpendsTokens
    {
        public QuotaBucket Bucket => QuotaBucket.Completions;

        public RequestContext Context { get; } = Any.Context(key, patience);

        CompletionRequest ISpendsTokens.Request { get; } = Any.Request(prompt: new string('a', inputBytes), model: model);
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
