using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Infrastructure.Quotas;

/// <summary>Rules that every place that counts must keep, whatever its clock.</summary>
public abstract class QuotaStoreContract : IAsyncLifetime
{
    protected const int Many = 1_000_000;

    internal abstract IQuotaStore Store { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>Waits until all that was settled and given back is counted.</summary>
    protected abstract Task CountedAsync();

    [Theory]
    [InlineData(100, Many, Many, ErrorCode.RateLimited)]
    [InlineData(Many, 100, Many, ErrorCode.DailyLimit)]
    [InlineData(Many, Many, 100, ErrorCode.GlobalDailyLimit)]
    public async Task Six_hundred_at_once_against_a_limit_of_a_hundred_admit_exactly_a_hundred(
        int perMinute,
        int perDay,
        int globalPerDay,
        ErrorCode refusal
    )
    {
        var limits = new QuotaLimits(perMinute, perDay, globalPerDay, 4, null);

        var decisions = await Task.WhenAll(
                Enumerable.Range(0, 600).Select(_ => Task.Run(async () => await ChargeAsync("a", limits), Waiting.Token))
            )
            .InTime();

        decisions.Count(decision => decision.Charge is not null).Should().Be(100);
        decisions
            .Where(decision => decision.Charge is null)
            .Select(decision => decision.Refusal!.Code)
            .Should()
            .HaveCount(500)
            .And.OnlyContain(code => code == refusal);
    }

    [Fact]
    public async Task Running_requests_reserve_what_they_may_cost_and_the_only_one_may_cost_more_than_is_left()
    {
        var limits = Limits(usd: 1);
        var alone = (await ChargeAsync("a", limits, reserve: 5)).Charge!;
        var second = (await ChargeAsync("a", limits, reserve: 0.01m)).Refusal!;
        (second.Code, second.RetryAfter).Should().Be((ErrorCode.RateLimited, TimeSpan.FromSeconds(10)));
        (await ChargeAsync("b", limits, reserve: 5)).Charge.Should().NotBeNull("another key has its own");

        await SettleAsync(alone, 0.4m);
        (await LeftAsync("a", limits)).Should().Contain(("usd-day", 60));
        var (one, two) = ((await ChargeAsync("a", limits, reserve: 0.3m)).Charge!, (await ChargeAsync("a", limits, reserve: 0.3m)).Charge!);
        (await ChargeAsync("a", limits, reserve: 0.01m)).Refusal!.Code.Should().Be(ErrorCode.RateLimited);
        await Store.GiveBackAsync(one, Any.Model(), Waiting.Token);
        await SettleAsync(two, 0.6m);

        (await ChargeAsync("a", limits, reserve: 0.000001m)).Refusal!.Code.Should().Be(ErrorCode.DailyLimit);
    }

    [Theory]
    [InlineData(1, Many, Many)]
    [InlineData(Many, 1, Many)]
    [InlineData(Many, Many, 1)]
    public async Task A_request_given_back_can_be_taken_again(int perMinute, int perDay, int globalPerDay)
    {
        var limits = new QuotaLimits(perMinute, perDay, globalPerDay, 4, null);
        for (var round = 0; round < 3; round++)
        {
            var charge = (await ChargeAsync("a", limits)).Charge!;
            (await ChargeAsync("a", limits)).Charge.Should().BeNull();
            await Store.GiveBackAsync(charge, Any.Model(), Waiting.Token);
            await CountedAsync();
        }
    }

    protected static QuotaLimits Limits(int perMinute = Many, int perDay = Many, int globalPerDay = Many, decimal? usd = null) =>
        new(perMinute, perDay, globalPerDay, 4, usd);

    protected ValueTask<QuotaDecision> ChargeAsync(string keyId, QuotaLimits limits, decimal reserve = 0.01m) =>
        Store.ChargeAsync(keyId, Any.Model(), limits, reserve, Waiting.Token);

    protected async Task SettleAsync(QuotaCharge charge, decimal usd)
    {
        await Store.SettleAsync(charge, Any.Model(), new Spending(), usd, Waiting.Token);
        await CountedAsync();
    }

    protected async Task<IReadOnlyList<(string Policy, long Remaining)>> LeftAsync(string keyId, QuotaLimits limits) =>
        [.. (await Store.PeekAsync(keyId, limits, Waiting.Token)).Statuses.Select(status => (status.Policy, status.Remaining))];
}
