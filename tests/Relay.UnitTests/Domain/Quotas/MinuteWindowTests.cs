using FsCheck;
using FsCheck.Fluent;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

/// <summary>
/// The stated wait of this window is exact to the tick. A window of a second's grain lets the next request in up to one second later than
/// one that remembered each request's own tick.
/// </summary>
public sealed class MinuteWindowTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    /// <summary>Milliseconds between arrivals: bursts, a trickle, pauses of about a minute and longer ones.</summary>
    private static readonly Gen<int[]> Gaps = Gen.Frequency(
            (5, Gen.Choose(0, 400)),
            (4, Gen.Choose(0, 20_000)),
            (2, Gen.Choose(58_500, 61_500)),
            (1, Gen.Choose(0, 200_000))
        )
        .ArrayOf(80);

    [Fact]
    public void There_are_never_more_than_the_limit_in_any_sixty_seconds() =>
        Always.Holds(
            Gaps,
            gaps =>
            {
                var limit = 1 + (gaps[0] % 7);
                var admitted = Play(gaps, limit);

                admitted.Should().NotBeEmpty();
                admitted
                    .Max(first => admitted.Count(other => other >= first && other < first + MinuteWindow.Length))
                    .Should()
                    .BeLessThanOrEqualTo(limit);
            }
        );

    [Fact]
    public void A_request_that_waits_the_stated_time_is_let_in_and_a_tick_less_is_not_enough() =>
        Always.Holds(
            Gaps,
            gaps =>
            {
                var limit = 1 + (gaps[0] % 7);
                Play(
                    gaps,
                    limit,
                    (admitted, uptime, wait) =>
                    {
                        IsFree(admitted, limit, uptime + wait).Should().BeTrue();
                        IsFree(admitted, limit, uptime + TimeSpan.FromSeconds(Math.Ceiling(wait.TotalSeconds)))
                            .Should()
                            .BeTrue("Retry-After is rounded up");
                        IsFree(admitted, limit, uptime + wait - Tick).Should().BeFalse();

                        // The one whose end makes room.
                        var ideal = admitted[^limit] + MinuteWindow.Length - uptime;
                        wait.Should().BeGreaterThanOrEqualTo(ideal).And.BeLessThanOrEqualTo(ideal + TimeSpan.FromSeconds(1));
                    }
                );
            }
        );

    [Fact]
    public void A_request_given_back_makes_room_at_once_and_only_once()
    {
        var window = Filled([TimeSpan.FromSeconds(5.2), TimeSpan.FromSeconds(5.9)]);
        window.GiveBack(5);
        window.Count.Should().Be(1);
        window.GiveBack(5);
        window.GiveBack(5);
        window.Count.Should().Be(0, "never less than none");
        window.Add(TimeSpan.FromSeconds(5), 1);
        window.Count.Should().Be(1, "what was given back too often is no credit");
    }

    [Fact]
    public void A_request_given_back_after_its_minute_takes_nothing_from_another_second()
    {
        // 66 is in the same place of the ring as 5.
        var window = Filled([TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(66)]);
        window.GiveBack(5);
        window.Count.Should().Be(1);
    }

    [Fact]
    public void Seconds_before_the_start_count_until_their_minute_is_over()
    {
        var window = new MinuteWindow();
        window.Add(TimeSpan.FromSeconds(-59), 2);
        window.Add(TimeSpan.Zero, 3);
        window.Advance(TimeSpan.FromSeconds(0.5));
        window.Count.Should().Be(5);
        window.UntilBelow(5, TimeSpan.FromSeconds(0.5)).Should().Be(TimeSpan.FromSeconds(0.5));
        window.UntilBelow(3, TimeSpan.FromSeconds(0.5)).Should().Be(TimeSpan.FromSeconds(59.5));
        window.IsEmpty(TimeSpan.FromSeconds(59.9)).Should().BeFalse();
        window.IsEmpty(TimeSpan.FromSeconds(60)).Should().BeTrue();
    }

    [Fact]
    public void An_empty_window_is_free_however_much_time_has_passed()
    {
        var window = new MinuteWindow();
        window.UntilBelow(1, TimeSpan.Zero).Should().Be(TimeSpan.Zero);
        window.IsEmpty(TimeSpan.FromDays(10_000)).Should().BeTrue();
        window.UntilBelow(1, TimeSpan.FromDays(10_000)).Should().Be(TimeSpan.Zero);
    }

    [Fact]
    public void A_time_that_is_over_moves_nothing_back()
    {
        var window = Filled([TimeSpan.FromSeconds(100)]);
        window.Advance(TimeSpan.FromSeconds(10));
        window.Count.Should().Be(1);
        window.Add(TimeSpan.FromSeconds(10), 5);
        window.Count.Should().Be(1, "second 10 is older than the window");
    }

    /// <summary>Lets in the requests that the window has room for.</summary>
    private static List<TimeSpan> Play(int[] gaps, int limit, Action<List<TimeSpan>, TimeSpan, TimeSpan>? onRefused = null)
    {
        var window = new MinuteWindow();
        List<TimeSpan> admitted = [];
        var uptime = TimeSpan.Zero;
        foreach (var gap in gaps)
        {
            uptime += TimeSpan.FromMilliseconds(gap);
            window.Advance(uptime);
            var wait = window.UntilBelow(limit, uptime);
            if (wait == TimeSpan.Zero)
            {
                window.Add(uptime, 1);
                admitted.Add(uptime);
            }
            else
            {
                onRefused?.Invoke(admitted, uptime, wait);
            }
        }

        return admitted;
    }

    private static MinuteWindow Filled(IEnumerable<TimeSpan> admitted)
    {
        var window = new MinuteWindow();
        foreach (var uptime in admitted)
        {
            window.Add(uptime, 1);
        }

        return window;
    }

    private static bool IsFree(IEnumerable<TimeSpan> admitted, int limit, TimeSpan uptime)
    {
        var window = Filled(admitted);
        window.Advance(uptime);
        return window.UntilBelow(limit, uptime) == TimeSpan.Zero && window.Count < limit;
    }
}
