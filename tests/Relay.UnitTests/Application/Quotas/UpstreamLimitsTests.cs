using Microsoft.Extensions.Time.Testing;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Application.Quotas;

public sealed class UpstreamLimitsTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly UpstreamLimits _limits;

    public UpstreamLimitsTests() => _limits = new UpstreamLimits(_clock);

    [Theory]
    [InlineData("seven_day_opus", "sonnet", "claude-opus-5-5", "opus")]
    [InlineData("seven_day_sonnet", "opus", "sonnet[1m]", "sonnet")]
    [InlineData("seven_day_haiku", "opus", "haiku", "haiku")]
    [InlineData(null, "opus", "claude-opus-5-5", "opus")]
    [InlineData(null, "haiku", "haiku", "haiku")]
    public void A_limit_of_one_family_covers_that_family_and_no_other(string? kind, string asked, string covered, string family)
    {
        Hit(kind is null ? family : asked, kind, Any.Time.AddHours(1));

        string[] all = ["opus", "sonnet", "haiku"];
        Find(covered)!.Message.Should().Contain($"limit for {family}").And.Contain("another model");
        all.Where(model => model != family).Select(Find).Should().OnlyContain(refusal => refusal == null);
        Enter(all.First(model => model != family)).Error.Should().BeNull();
    }

    [Theory]
    [InlineData("five_hour")]
    [InlineData("seven_day")]
    [InlineData("something_new")]
    [InlineData("")]
    public void A_limit_that_is_about_no_family_covers_all(string kind)
    {
        Hit("opus", kind, Any.Time.AddHours(1));
        foreach (var model in (string[])["opus", "sonnet", "haiku", "something-new"])
        {
            Find(model).Should().BeEquivalentTo(new { Code = ErrorCode.UpstreamRateLimited, RetryAfter = TimeSpan.FromHours(1) });
            Enter(model).Error!.Code.Should().Be(ErrorCode.UpstreamRateLimited);
        }
    }

    [Fact]
    public void It_tells_which_are_in_force_and_until_when()
    {
        _limits.InForce.Should().BeEmpty();
        Hit("opus", "seven_day_opus", Any.Time.AddHours(1));
        Hit("haiku", "five_hour", Any.Time.AddHours(2));

        _limits
            .InForce.Should()
            .Equal(
                new AccountLimit("five_hour", null, Any.Time.AddHours(2)),
                new AccountLimit("seven_day_opus", "opus", Any.Time.AddHours(1))
            );
        _clock.Advance(TimeSpan.FromHours(1));
        _limits.InForce.Should().Equal(new AccountLimit("five_hour", null, Any.Time.AddHours(2)));
    }

    [Fact]
    public void It_lasts_until_the_reset_that_was_named_and_not_longer()
    {
        Hit("opus", "five_hour", Any.Time.AddMinutes(90));
        _clock.Advance(TimeSpan.FromMinutes(60));
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromMinutes(30));
        _clock.Advance(TimeSpan.FromMinutes(30) - Tick);
        Enter("opus").Error!.RetryAfter.Should().Be(Tick);
        _clock.Advance(Tick);
        Find("opus").Should().BeNull();
        Enter("opus").Error.Should().BeNull();
    }

    [Fact]
    public void A_short_limit_does_not_make_it_forget_a_long_one()
    {
        Hit("opus", "seven_day", Any.Time.AddDays(3));

        Hit("opus", "five_hour", Any.Time.AddHours(1));

        Find("haiku")!.RetryAfter.Should().Be(TimeSpan.FromDays(3));
        _clock.Advance(TimeSpan.FromHours(2));
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromDays(3) - TimeSpan.FromHours(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Without_a_reset_to_come_the_pauses_double_up_to_a_quarter_of_an_hour(bool inThePast)
    {
        DateTimeOffset? reset = inThePast ? Any.Time.AddHours(-1) : null;
        foreach (var seconds in (int[])[30, 60, 120, 240, 480, 900, 900])
        {
            Hit("opus", "five_hour", reset);
            Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromSeconds(seconds));
            _clock.Advance(TimeSpan.FromSeconds(seconds));
        }

        End(Enter("opus").Value, succeeded: true);
        Hit("opus", "five_hour", reset);
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromSeconds(30), "a success ends the doubling");
    }

    [Fact]
    public void Requests_that_were_on_their_way_when_it_was_met_make_no_pause_longer()
    {
        var passes = Enumerable.Range(0, 10).Select(_ => Enter("opus").Value).ToList();
        foreach (var pass in passes)
        {
            End(pass, new UpstreamLimit("five_hour", null));
        }

        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public void One_at_a_time_tries_whether_it_is_over()
    {
        Hit("opus", "five_hour", Any.Time.AddMinutes(1));
        _clock.Advance(TimeSpan.FromMinutes(1));

        var probe = Enter("opus").Value;

        Enter("opus").Error.Should().BeEquivalentTo(new { Code = ErrorCode.UpstreamRateLimited, RetryAfter = TimeSpan.FromSeconds(5) });
        Find("sonnet").Should().NotBeNull("the account's limit is tried with any model");
        End(probe, succeeded: true);
        Enumerable.Range(0, 10).Select(_ => Enter("opus").Error).Should().OnlyContain(error => error == null);
    }

    [Fact]
    public void Looking_is_no_try()
    {
        Hit("opus", null, Any.Time.AddMinutes(1));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Find("opus").Should().BeNull();
        Find("opus").Should().BeNull();
        Enter("opus").Error.Should().BeNull();
    }

    [Fact]
    public void A_try_that_meets_the_limit_again_begins_the_next_pause()
    {
        Hit("opus", "five_hour", null);
        _clock.Advance(TimeSpan.FromSeconds(30));
        End(Enter("opus").Value, new UpstreamLimit("five_hour", null));
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromSeconds(60));
        _clock.Advance(TimeSpan.FromSeconds(60));
        End(Enter("opus").Value, new UpstreamLimit("five_hour", _clock.GetUtcNow().AddHours(2)));
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromHours(2), "what is named counts");
    }

    [Fact]
    public void A_try_that_failed_or_was_left_lets_the_next_one_try()
    {
        Hit("opus", "five_hour", null);
        _clock.Advance(TimeSpan.FromSeconds(30));
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var probe = Enter("opus").Value;
            Enter("opus").Error.Should().NotBeNull("one at a time");
            End(probe, succeeded: false);
        }
    }

    [Fact]
    public void The_success_of_a_request_from_before_clears_nothing()
    {
        var before = Enter("opus").Value;
        Hit("opus", "five_hour", Any.Time.AddMinutes(1));
        End(before, succeeded: true);
        Find("opus").Should().NotBeNull();

        // Nor does it end another's try.
        var alsoBefore = new UpstreamPass(Any.Model(), []);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Enter("opus").Error.Should().BeNull();
        End(alsoBefore, succeeded: true);
        Enter("opus").Error.Should().NotBeNull("the try is still on its way");
    }

    [Fact]
    public void A_model_that_two_limits_cover_waits_for_both_and_tries_both()
    {
        Hit("opus", "seven_day_opus", Any.Time.AddMinutes(1));
        Hit("sonnet", "five_hour", Any.Time.AddMinutes(2));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Enter("opus").Error.Should().NotBeNull();
        _clock.Advance(TimeSpan.FromMinutes(1));

        End(Enter("opus").Value, succeeded: true);

        (Find("opus"), Find("haiku")).Should().Be((null, null));
        Enumerable.Range(0, 3).Select(_ => Enter("opus").Error).Should().OnlyContain(error => error == null);
    }

    [Fact]
    public void Of_two_limits_that_cover_a_model_the_longer_wait_is_told()
    {
        Hit("opus", "seven_day_opus", Any.Time.AddMinutes(1));
        Hit("sonnet", "five_hour", Any.Time.AddMinutes(2));
        Find("opus")!.RetryAfter.Should().Be(TimeSpan.FromMinutes(2), "a client that waits as long as it is told is let in if it is alone");
        Enter("opus").Error!.RetryAfter.Should().Be(TimeSpan.FromMinutes(2));
    }

    /// <summary>A request that was let through before the limit was met, and met it.</summary>
    private void Hit(string model, string? kind, DateTimeOffset? resetsAt) =>
        End(new UpstreamPass(Any.Model(model), []), new UpstreamLimit(kind, resetsAt));

    private RelayError? Find(string model) => _limits.Find(Any.Model(model));

    private Result<UpstreamPass> Enter(string model) => _limits.Enter(Any.Model(model));

    private void End(UpstreamPass pass, UpstreamLimit hit) => _limits.Report(pass, new Spending { HitLimit = hit }, succeeded: false);

    private void End(UpstreamPass pass, bool succeeded) => _limits.Report(pass, new Spending(), succeeded);
}
