using Microsoft.Extensions.Time.Testing;
using Relay.Domain;
using Relay.Domain.Quotas;
using Relay.Infrastructure.Redis;

namespace Relay.UnitTests.Infrastructure.Redis;

/// <summary>What a relay lets in alone, over times in which it can't ask.</summary>
public sealed class LocalShareTests
{
    private static readonly QuotaLimits Limits = new(100, 2, 5000, 4, null);

    private readonly FakeTimeProvider _clock = new(Any.Time);
    private readonly LocalShare _share;
    private int _ids;

    public LocalShareTests() => _share = new LocalShare(_clock);

    [Fact]
    public void What_was_used_up_yesterday_is_not_used_up_today()
    {
        var today = RedisNames.ToNumber(DateOnly.FromDateTime(Any.Time.UtcDateTime));
        _share.Hear("other", QuotaBucket.Completions, today, new QuotaStanding { Total = 5000 });

        Charge().Refusal!.Code.Should().Be(ErrorCode.GlobalDailyLimit);
        _clock.Advance(TimeSpan.FromDays(1));
        Charge().Charge.Should().NotBeNull();
    }

    [Fact]
    public void What_began_in_one_such_time_and_ends_in_the_next_changes_nothing_there()
    {
        var before = Charge().Charge!;
        _share.End();
        Charge().Charge.Should().NotBeNull();

        _share.GiveBack(before);
        _share.Settle(before, 5);

        Charge().Charge.Should().NotBeNull();
        Charge().Refusal!.Code.Should().Be(ErrorCode.DailyLimit, "two are two");
    }

    private QuotaDecision Charge() => _share.Charge($"r.{++_ids}", "a", Limits, 0, relays: 1);
}
