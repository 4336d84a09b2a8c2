using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

/// <summary>A book of limits with a clock and an uptime that the test moves.</summary>
public abstract class QuotaBookTestBase
{
    private protected const int Many = 1_000_000;

    private protected static TimeSpan Second { get; } = TimeSpan.FromSeconds(1);

    private protected QuotaBook Book { get; } = new();

    private protected DateTimeOffset Now { get; set; } = new(2026, 3, 14, 12, 0, 0, 250, TimeSpan.Zero);

    private protected TimeSpan Uptime { get; set; } = TimeSpan.FromMilliseconds(700);

    private protected TimeSpan UntilMidnight => new DateTimeOffset(2026, 3, 15, 0, 0, 0, TimeSpan.Zero) - Now;

    private protected static QuotaLimits Limits(int perMinute = Many, int perDay = Many, int globalPerDay = Many, decimal? usd = null) =>
        new(perMinute, perDay, globalPerDay, 4, usd);

    private protected QuotaDecision Charge(string keyId, QuotaLimits limits, decimal reserve = 0.01m) =>
        Book.Charge(keyId, limits, reserve, Now, Uptime);

    private protected QuotaStatus Status(string keyId, QuotaLimits limits, string policy) =>
        Book.Peek(keyId, limits, Now, Uptime).Statuses.Single(status => status.Policy == policy);

    private protected void Pass(TimeSpan time, bool clockToo = true)
    {
        Uptime += time;
        Now += clockToo ? time : TimeSpan.Zero;
    }
}
