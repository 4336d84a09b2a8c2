using Microsoft.Extensions.Time.Testing;
using Relay.Application.Auditing;
using Relay.Application.Dashboard;

namespace Relay.UnitTests.Application.Dashboard;

/// <summary>An hour that rolls on: no more than it, no less, and never more memory.</summary>
public sealed class RecentRequestsTests
{
    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly RecentRequests _recent;

    public RecentRequestsTests() => _recent = new RecentRequests(_clock);

    [Fact]
    public void An_hour_holds_what_came_in_it_whenever_that_was() =>
        Always.Holds(
            Always.Numbers(count: 40, below: 600),
            gaps =>
            {
                var (clock, minute) = (new FakeTimeProvider(Any.Time), 0);
                var recent = new RecentRequests(clock);
                var came = new List<int>();
                foreach (var gap in gaps)
                {
                    // Mostly within the minute, at times hours later.
                    var skip = gap < 500 ? gap % 3 : gap;
                    minute += skip;
                    clock.Advance(TimeSpan.FromMinutes(skip));
                    recent.Observe(Complete());
                    came.Add(minute);
                }

                var summary = recent.Summarize();

                summary.Minutes.Should().HaveCount(60);
                summary
                    .Minutes.Select(one => one.Requests)
                    .Should()
                    .Equal(Enumerable.Range(minute - 59, 60).Select(number => (long)came.Count(other => other == number)));
                summary.Minutes.Sum(one => one.Requests).Should().Be(summary.Completion!.Count);
            },
            times: 50
        );

    [Fact]
    public void Requests_older_than_an_hour_are_forgotten_also_without_later_ones()
    {
        _recent.Observe(Complete(error: "timeout"));
        _clock.Advance(TimeSpan.FromMinutes(59));
        _recent.Summarize().Errors.Should().ContainSingle();

        _clock.Advance(TimeSpan.FromMinutes(1));

        var summary = _recent.Summarize();
        summary.Errors.Should().BeEmpty();
        summary.Keys.Should().BeEmpty();
        summary.Minutes.Should().OnlyContain(minute => minute.Requests == 0 && minute.Failed == 0 && minute.Completion == null);
    }

    [Fact]
    public void It_says_since_when_it_counts()
    {
        _clock.Advance(TimeSpan.FromMinutes(20));
        _recent.Summarize().Since.Should().Be(Any.Time);

        _clock.Advance(TimeSpan.FromHours(2));
        _recent.Summarize().Since.Should().Be(Any.Time.AddMinutes(80));
    }

    [Fact]
    public void Errors_are_counted_by_kind_and_those_of_strangers_too()
    {
        _recent.Observe(Complete(error: "rate_limited"));
        _recent.Observe(Complete(error: "rate_limited"));
        _recent.Observe(Complete(error: "timeout"));
        _recent.Observe(Complete());
        for (var times = 0; times < 3; times++)
        {
            _recent.ObserveUnauthenticated("unauthorized");
        }

        var summary = _recent.Summarize();

        summary
            .Errors.Should()
            .Equal(new ErrorActivity("unauthorized", 3), new ErrorActivity("rate_limited", 2), new ErrorActivity("timeout", 1));
        summary
            .Minutes[^1]
            .Should()
            .Match<MinuteActivity>(minute => minute.Requests == 4 && minute.Failed == 3, "who has no key makes no request of a key");
    }

    [Fact]
    public void Each_key_has_its_own_count()
    {
        _recent.Observe(Complete(keyId: "key_a"));
        _clock.Advance(TimeSpan.FromMinutes(3));
        _recent.Observe(Complete(keyId: "key_a", error: "timeout"));
        _recent.Observe(Complete(keyId: "key_b"));

        _recent
            .Summarize()
            .Keys.Should()
            .BeEquivalentTo(new Dictionary<string, KeyActivity>(StringComparer.Ordinal) { ["key_a"] = new(2, 1), ["key_b"] = new(1, 0) });
    }

    [Fact]
    public void A_flood_of_keys_is_counted_with_all_and_takes_no_more_memory()
    {
        for (var number = 0; number < RecentRequests.MaxKeys + 50; number++)
        {
            _recent.Observe(Complete(keyId: $"key_{number}"));
        }

        _recent.Observe(Complete(keyId: "key_0"));

        var summary = _recent.Summarize();
        summary.Keys.Should().HaveCount(RecentRequests.MaxKeys);
        summary.Keys["key_0"].Requests.Should().Be(2, "a key that is known stays so");
        summary.Minutes[^1].Requests.Should().Be(RecentRequests.MaxKeys + 51);
    }

    [Fact]
    public void Only_answers_that_were_worked_for_tell_how_long_one_takes()
    {
        _recent.Observe(Complete(milliseconds: 1000));
        _recent.Observe(Complete(milliseconds: 1, error: "rate_limited"));
        _recent.Observe(Complete(milliseconds: 1) with { Detail = "replayed" });
        _recent.Observe(new AuditEntry("fetch") { Total = TimeSpan.FromMilliseconds(300), Queue = TimeSpan.Zero });
        _recent.Observe(new AuditEntry("usage") { Total = TimeSpan.FromMilliseconds(2) });

        var summary = _recent.Summarize();

        summary.Completion!.Count.Should().Be(1);
        summary.Completion.P50.Should().BeCloseTo(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(45));
        summary.Page!.Count.Should().Be(1);
        summary.Minutes[^1].Requests.Should().Be(5);
    }

    [Fact]
    public void Waiting_and_first_words_are_told_apart()
    {
        _recent.Observe(Complete() with { Queue = TimeSpan.FromMilliseconds(40), FirstToken = TimeSpan.FromMilliseconds(400) });

        var summary = _recent.Summarize();

        summary.Queue!.P50.Should().BeCloseTo(TimeSpan.FromMilliseconds(40), TimeSpan.FromMilliseconds(2));
        summary.FirstToken!.P50.Should().BeCloseTo(TimeSpan.FromMilliseconds(400), TimeSpan.FromMilliseconds(19));
    }

    [Theory]
    [InlineData("dashboard")]
    [InlineData("sign_in")]
    [InlineData("sign_out")]
    public void The_dashboards_own_requests_are_not_counted(string action)
    {
        _recent.Observe(
            new AuditEntry(action)
            {
                KeyId = "key_a",
                Total = TimeSpan.FromSeconds(1),
                Error = "forbidden",
            }
        );

        var summary = _recent.Summarize();
        (summary.Minutes[^1].Requests, summary.Keys.Count, summary.Errors.Count).Should().Be((0, 0, 0));
    }

    /// <summary>A busy relay records thousands a second: none of them may leave work for the garbage collector.</summary>
    [Fact]
    public void A_request_leaves_nothing_to_collect()
    {
        var entries = Enumerable
            .Range(0, 100)
            .Select(number => Complete(keyId: $"key_{number}", error: number % 7 == 0 ? "timeout" : null))
            .ToList();
        Take(1);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Take(100);

        (GC.GetAllocatedBytesForCurrentThread() - before)
            .Should()
            .BeLessThan(10_000, "that is less than a byte for each of 10,000 requests");

        void Take(int times)
        {
            for (var time = 0; time < times; time++)
            {
                foreach (var entry in entries)
                {
                    _recent.Observe(entry);
                }
            }
        }
    }

    private static AuditEntry Complete(double milliseconds = 500, string? error = null, string keyId = "key_a") =>
        new("complete")
        {
            KeyId = keyId,
            Error = error,
            Total = TimeSpan.FromMilliseconds(milliseconds),
        };
}
