using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Domain.Quotas;

/// <summary>Compares a book with a list in which every charge is looked at every time.</summary>
public sealed class QuotaBookComparisonTests
{
    [Fact]
    public void Decisions_and_statuses_are_those_of_a_list_of_all_charges() =>
        Always.Holds(Always.Numbers(160), numbers => new Comparison(numbers).Run(), times: 80);

    private sealed class Comparison(int[] numbers)
    {
        private readonly QuotaBook _book = new();
        private readonly List<Entry> _entries = [];
        private readonly QuotaLimits _limits = new(
            1 + (numbers[0] % 9),
            1 + (numbers[1] % 30),
            1 + (numbers[2] % 60),
            4,
            numbers[3] % 2 == 0 ? null : 1 + (numbers[3] % 5)
        );
        private DateTimeOffset _now = new(2026, 3, 14, 20, 0, 0, TimeSpan.Zero);
        private TimeSpan _uptime = TimeSpan.Zero;

        public void Run()
        {
            foreach (var number in numbers.Skip(4))
            {
                var rest = number / 10;
                var open = _entries.Where(entry => !entry.IsOver).ToList();
                switch (number % 10)
                {
                    case < 6:
                        Charge($"key-{rest % 3}", ((rest % 100) + 1) / 100m);
                        break;
                    case 6 when open.Count > 0:
                        var settled = open[rest % open.Count];
                        (settled.IsOver, settled.CostUsd) = (true, (rest % 150) / 100m);
                        _book.Settle(settled.Charge, settled.CostUsd);
                        break;
                    case 7 when open.Count > 0:
                        var givenBack = open[rest % open.Count];
                        (givenBack.IsOver, givenBack.IsGivenBack) = (true, true);
                        _book.GiveBack(givenBack.Charge);
                        break;
                    case 8:
                        Pass(TimeSpan.FromMilliseconds(rest % 70_000));
                        break;
                    case 9 when rest % 4 == 0:
                        // Up to nine hours, sometimes backwards; uptime knows nothing of it.
                        _now += TimeSpan.FromSeconds((rest % 32_400) - (rest % 3 == 0 ? 32_400 : 0));
                        break;
                }
            }
        }

        private void Pass(TimeSpan time) => (_now, _uptime) = (_now + time, _uptime + time);

        private void Charge(string keyId, decimal reserve)
        {
            var today = DateOnly.FromDateTime(_now.UtcDateTime);
            var ofDay = _entries
                .Where(entry => (entry.Charge.Day == today || entry.Charge.Day == today.AddDays(1)) && !entry.IsGivenBack)
                .ToList();
            var own = ofDay.Where(entry => entry.Charge.KeyId == keyId).ToList();
            var inMinute = _entries
                .Where(entry => entry.Charge.KeyId == keyId)
                .GroupBy(entry => entry.Charge.Second)
                .Where(second => second.Max(entry => entry.At) + MinuteWindow.Length > _uptime)
                .Sum(second => second.Count(entry => !entry.IsGivenBack));
            var cost = own.Where(entry => entry.IsOver).Sum(entry => entry.CostUsd);
            var reserved = own.Where(entry => !entry.IsOver).Sum(entry => entry.Charge.ReservedUsd);
            var minuteRefuses = inMinute >= _limits.PerMinute;
            var dayRefuses = own.Count >= _limits.PerDay;
            var globalRefuses = ofDay.Count >= _limits.GlobalPerDay;
            var spent = cost >= _limits.UsdPerDay;
            var maySpend = own.Exists(entry => !entry.IsOver) && cost + reserved + reserve > _limits.UsdPerDay;

            var decision = _book.Charge(keyId, _limits, reserve, _now, _uptime);

            (decision.Charge is null).Should().Be(minuteRefuses || dayRefuses || globalRefuses || spent || maySpend);
            (decision.Refusal is null).Should().Be(decision.Charge is not null);
            if (decision.Charge is { } charge)
            {
                _entries.Add(new Entry(charge, _uptime));
                (inMinute, reserved) = (inMinute + 1, reserved + reserve);
                (charge.Day, charge.KeyId, charge.ReservedUsd).Should().Be((today, keyId, reserve));
            }
            else
            {
                decision.Refusal!.RetryAfter.Should().BeGreaterThan(TimeSpan.Zero);
            }

            var statuses = decision.Statuses.ToDictionary(status => status.Policy, StringComparer.Ordinal);
            statuses["minute"].Remaining.Should().Be(Math.Max(0, _limits.PerMinute - inMinute));
            statuses["day"].Remaining.Should().Be(Math.Max(0, _limits.PerDay - own.Count - (decision.Charge is null ? 0 : 1)));
            if (_limits.UsdPerDay is { } budget)
            {
                statuses["usd-day"].Remaining.Should().Be((long)Math.Floor(Math.Max(0, budget - cost - reserved) * 100));
            }

            if (decision.Refusal is { Code: ErrorCode.GlobalDailyLimit })
            {
                statuses["global-day"].Remaining.Should().Be(0);
            }

            ShouldAgree(keyId, decision);
        }

        /// <summary>
        /// Nothing left of a limit means that it refuses, and what refuses has nothing left; below a cent there is still money.
        /// </summary>
        private void ShouldAgree(string keyId, QuotaDecision decision)
        {
            var next = _book
                .Peek(keyId, _limits, _now, _uptime)
                .Statuses.ToDictionary(status => status.Policy, status => status.Remaining, StringComparer.Ordinal);
            if (decision.Refusal is { } refusal)
            {
                var empty = refusal.Code switch
                {
                    ErrorCode.RateLimited => next["minute"] == 0 || _limits.UsdPerDay is not null,
                    ErrorCode.DailyLimit => next["day"] == 0 || next["usd-day"] == 0,
                    _ => refusal.Code == ErrorCode.GlobalDailyLimit,
                };
                empty.Should().BeTrue();
            }
            else
            {
                // The last request of all keys finds the global limit used up only afterwards.
                decision
                    .Statuses.Select(status => status.Remaining)
                    .Should()
                    .Equal(next.Where(status => status.Key != "global-day").Select(status => status.Value));
            }
        }

        private sealed class Entry(QuotaCharge charge, TimeSpan at)
        {
            public TimeSpan At { get; } = at;

            public QuotaCharge Charge { get; } = charge;

            public bool IsOver { get; set; }

            public bool IsGivenBack { get; set; }

            public decimal CostUsd { get; set; }
        }
    }
}
