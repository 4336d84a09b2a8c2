using Relay.Domain;
using Relay.Domain.Quotas;

namespace Relay.UnitTests.Redis;

/// <summary>A server of the test's own, that is frozen, killed, and started again.</summary>
public abstract class RedisFailureTestBase : IDisposable
{
    private const int Many = 1_000_000;

    private static readonly QuotaLimits Limits = new(Many, 100, Many, 4, 100);

    private protected RedisServer Server { get; } = RedisServer.Start("--appendonly", "yes", "--appendfsync", "always");

    public void Dispose()
    {
        Server.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Task<RedisRelay> StartAsync() => StartAsync(TimeSpan.FromSeconds(1));

    /// <summary>Starts a relay.</summary>
    /// <param name="timeout">Its <c>STATE_TIMEOUT</c>.</param>
    /// <param name="state">Its <c>STATE</c>; null for the server.</param>
    private protected Task<RedisRelay> StartAsync(TimeSpan timeout, string? state = null) =>
        RedisRelay.StartAsync(
            Server,
            "f",
            adorn: options => (options.State, options.Timeout) = (state ?? options.State, timeout),
            beats: true
        );

    private protected static ValueTask<QuotaDecision> ChargeAsync(RedisRelay relay) =>
        relay.Quotas.ChargeAsync("a", Any.Model(), Limits, 0.01m, Waiting.Token);

    private protected static Task UntilAnswersAsync(RedisRelay relay) =>
        Waiting.UntilAsync(
            () =>
                relay.Quotas.PeekAsync("a", Limits, Waiting.Token).AsTask().GetAwaiter().GetResult().Refusal?.Code
                    != ErrorCode.StateUnavailable
                && relay.Link.IsUp,
            "it answers again"
        );

    private protected static async Task<(long Requests, long Cents)> UsedAsync(RedisRelay relay)
    {
        IReadOnlyList<QuotaStatus> statuses = [];
        await Waiting.UntilAsync(
            () => (statuses = relay.Quotas.PeekAsync("a", Limits, Waiting.Token).AsTask().GetAwaiter().GetResult().Statuses).Count > 2,
            "it answers"
        );
        return (statuses[1].Limit - statuses[1].Remaining, statuses[2].Limit - statuses[2].Remaining);
    }
}
