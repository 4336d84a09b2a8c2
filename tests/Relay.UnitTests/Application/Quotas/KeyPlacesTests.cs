using NSubstitute;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Application.Quotas;

/// <summary>The places of a key, when the fleet or the limits change.</summary>
public sealed class KeyPlacesTests : AdmissionTestBase
{
    [Fact]
    public async Task A_key_counts_by_its_own_limits_and_by_the_operators_where_it_has_none()
    {
        (Settings.GlobalConcurrency, Settings.PerKeyConcurrency) = (8, 3);
        var request = new Request(Any.Key() with { Limits = new KeyLimits(RequestsPerMinute: 7, Concurrency: 20) });

        await NowAsync(request);

        request
            .Context.Quotas!.Select(quota => (quota.Policy, quota.Limit))
            .Should()
            .Equal(("minute", 7), ("day", 100), ("concurrency", 8));
        Settings.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 1).Should().Be(new QuotaLimits(100, 100, 5000, 3, null));
    }

    [Fact]
    public async Task A_key_may_have_the_places_of_all_relays_and_no_more()
    {
        (Settings.GlobalConcurrency, Settings.FetchConcurrency) = (4, 5);
        Fleet.Alive.Returns(3);

        foreach (var (own, expected) in ((int?, int)[])[(null, 9), (9, 9), (20, 12)])
        {
            var request = new Request(Any.Key() with { Limits = new KeyLimits(Concurrency: own) });
            await NowAsync(request);
            request.Context.Quotas!.Single(quota => quota.Policy == "concurrency").Limit.Should().Be(expected);
        }

        Settings.LimitsOf(Key, QuotaBucket.Fetches, relays: 3).Concurrency.Should().Be(8, "as many of one key as are set");
        Settings.LimitsOf(Key, QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(4, "one place is left to others");
        Settings.FetchPerKeyConcurrency = 8;
        Settings.LimitsOf(Key, QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(5, "no key can have more places than there are");
    }

    [Fact]
    public async Task Limits_that_are_changed_count_from_the_next_request_on()
    {
        await NowAsync(new Request(Key));
        var waiting = AdmitAsync(new Request(Any.Key()));
        waiting.IsCompleted.Should().BeFalse("there is one place");

        Live.Change(new QuotaOptions { GlobalConcurrency = 3, PerKeyDaily = 1 });

        (await waiting.InTime()).Error.Should().BeNull();
        (await NowAsync(new Request(Any.Key()))).Error.Should().BeNull("there are three places now");
        (await NowAsync(new Request(Key))).Error!.Code.Should().Be(ErrorCode.DailyLimit);
    }

    [Fact]
    public async Task Raised_places_let_in_the_waiting_requests_of_a_key_at_once()
    {
        (Settings.GlobalConcurrency, Settings.QueueLimit) = (1, 10);
        await NowAsync(new Request(Key));
        var waiting = Enumerable.Range(0, 3).Select(_ => AdmitAsync(new Request(Key))).ToList();

        Live.Change(new QuotaOptions { GlobalConcurrency = 4, QueueLimit = 10 });

        (await waiting[0].InTime()).Error.Should().BeNull();
        (await waiting[1].InTime()).Error.Should().BeNull();
        waiting[2].IsCompleted.Should().BeFalse("one key leaves one of four places to others");
        Live.Change(
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
        (Settings.GlobalConcurrency, Settings.QueueLimit) = (4, 10);
        var narrow = Key with { Limits = new KeyLimits(Concurrency: 1) };
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
        (Settings.GlobalConcurrency, Settings.QueueLimit) = (4, 10);
        Fleet.Alive.Returns(2);
        var greedy = Enumerable.Range(0, 8).Select(_ => AdmitAsync(new Request(Any.Key() with { Id = Key.Id }))).ToList();

        greedy.Count(request => request.IsCompleted).Should().Be(3);
        (await NowAsync(new Request(Any.Key() with { Id = "key_bbbbbbbbbbbb" }))).Error.Should().BeNull();
        Settings.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 2).Concurrency.Should().Be(6);
        Settings.GlobalConcurrency = 1;
        Settings.LimitsOf(Any.Key(), QuotaBucket.Completions, relays: 1).Concurrency.Should().Be(1);
    }

    [Fact]
    public async Task By_default_one_key_leaves_a_place_for_pages_of_this_relay_to_others()
    {
        (Settings.FetchConcurrency, Settings.QueueLimit) = (4, 10);
        Fleet.Alive.Returns(2);
        var greedy = Enumerable
            .Range(0, 8)
            .Select(_ => Over(Store).AdmitAsync(new PageRequest(Any.Context(Any.Key() with { Id = Key.Id })), Waiting.Token))
            .ToList();

        greedy.Count(request => request.IsCompleted).Should().Be(3);
        (await Over(Store).AdmitAsync(new PageRequest(Any.Context(Any.Key() with { Id = "key_bbbbbbbbbbbb" })), Waiting.Token).InTime())
            .Error.Should()
            .BeNull();
        Settings.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 2).Concurrency.Should().Be(6);
        Settings.FetchConcurrency = 1;
        Settings.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(1);
        Settings.FetchConcurrency = 16;
        Settings.LimitsOf(Any.Key(), QuotaBucket.Fetches, relays: 1).Concurrency.Should().Be(8);
    }
}
