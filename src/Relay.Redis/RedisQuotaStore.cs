using System.Collections.Concurrent;
using System.Globalization;
using Relay.Application.Quotas;
using Relay.Domain;
using Relay.Domain.Models;
using Relay.Domain.Quotas;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Counts in Redis: one admission is one script, on the server's clock. The <see cref="Outbox"/> sends the costs of requests afterwards.
/// While Redis is away, requests that spend are refused.
/// </summary>
internal sealed class RedisQuotaStore : IQuotaStore
{
    private const int MostRefusals = 10_000;

    /// <summary>The time for which a refusal is certain. It may end early, when another relay gives something back.</summary>
    private static readonly TimeSpan Certain = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan PlacePoll = TimeSpan.FromMilliseconds(250);

    private readonly RedisLink _link;
    private readonly RelayInstance _instance;
    private readonly Outbox _outbox;
    private readonly TimeProvider _clock;
    private readonly ConcurrentDictionary<(string KeyId, QuotaLimits Limits), (QuotaDecision Decision, long At)> _refusals = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _places = new(StringComparer.Ordinal);
    private int _day;

    public RedisQuotaStore(RedisLink link, RelayInstance instance, Outbox outbox, TimeProvider clock)
    {
        (_link, _instance, _outbox, _clock) = (link, instance, outbox, clock);
        _day = RedisNames.ToNumber(DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime));
        _link.Told += Listen;
    }

    public async ValueTask<QuotaDecision> ChargeAsync(
        string keyId,
        ModelName? model,
        QuotaLimits limits,
        decimal reserveUsd,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        var id = _instance.NextChargeId();
        try
        {
            // Not the caller's token: a command on its way may be charged, and only its answer tells.
            return Remember(
                keyId,
                limits,
                await ChargeAsync(id, keyId, model, limits, MicroUsd.From(reserveUsd), reserveUsd, CancellationToken.None)
            );
        }
        catch (RelayErrorException exception)
        {
            if (RedisLink.MayHaveArrived(exception))
            {
                // The request may have been charged, or may be charged later. This voids the charge in both cases.
                PostGiveBack(new QuotaCharge(keyId, RedisNames.ToDay(_day), 0, reserveUsd, limits.Bucket, id), model);
            }

            return new QuotaDecision(null, exception.Error, []);
        }
    }

    public ValueTask SettleAsync(
        QuotaCharge charge,
        ModelName? model,
        Spending spending,
        decimal costUsd,
        CancellationToken cancellationToken
    )
    {
        var tokens = spending.Usage;
        Post(
            RedisScripts.Settle,
            charge,
            model,
            MicroUsd.From(costUsd),
            tokens?.InputTokens ?? 0,
            tokens?.OutputTokens ?? 0,
            tokens?.CacheCreationInputTokens ?? 0,
            tokens?.CacheReadInputTokens ?? 0
        );
        return ValueTask.CompletedTask;
    }

    public ValueTask GiveBackAsync(QuotaCharge charge, ModelName? model, CancellationToken cancellationToken)
    {
        PostGiveBack(charge, model);
        return ValueTask.CompletedTask;
    }

    public async Task WaitForPlaceAsync(QuotaCharge charge, Func<int> places, CancellationToken cancellationToken)
    {
        var (names, member) = (_link.Names, RedisNames.MemberOf(charge.KeyId, charge.Bucket));
        while (true)
        {
            var isGone = false;
            // Before it asks: a place that is told meanwhile must not be missed.
            var told = _places.GetOrAdd(member, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            try
            {
                var answer = (int)
                    await _link.RunAsync(
                        RedisScripts.Place,
                        [names.Counters(member), names.Totals(charge.Bucket), names.Relays],
                        [_link.Clock, charge.Id, places()],
                        cancellationToken
                    );
                isGone = answer < 0;
                if (answer > 0)
                {
                    return;
                }
            }
            catch (RelayErrorException)
            {
                // It waits on. The queue bounds the wait.
            }

            if (isGone)
            {
                // The other relays took this one for dead, and its reservation for spent: a request that runs now would not be counted.
                throw new RelayErrorException(RedisLink.Unavailable);
            }

            await Task.WhenAny(told, Task.Delay(PlacePoll, _clock, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public QuotaDecision? FindKnownRefusal(string keyId, QuotaLimits limits)
    {
        if (!_refusals.TryGetValue((keyId, limits), out var known))
        {
            return null;
        }

        var (decision, at) = known;
        var age = _clock.GetElapsedTime(at);
        if (age >= Certain || age >= decision.Refusal!.RetryAfter)
        {
            _refusals.TryRemove((keyId, limits), out _);
            return null;
        }

        return decision with
        {
            Refusal = decision.Refusal with { RetryAfter = decision.Refusal.RetryAfter - age },
            Statuses =
            [
                .. decision.Statuses.Select(status =>
                    status with
                    {
                        Reset = status.Reset is { } reset && reset > age ? reset - age : TimeSpan.Zero,
                    }
                ),
            ],
        };
    }

    public async ValueTask<QuotaDecision> PeekAsync(string keyId, QuotaLimits limits, CancellationToken cancellationToken)
    {
        try
        {
            var (names, member) = (_link.Names, RedisNames.MemberOf(keyId, limits.Bucket));
            var reply = await _link.RunAsync(
                RedisScripts.Peek,
                [names.Counters(member), names.Totals(limits.Bucket), names.Relays],
                [_link.Clock, limits.PerMinute],
                cancellationToken
            );
            var (standing, running) = (StandingOf((RedisResult[])reply!), (int)((RedisResult[])reply!)[11]);
            var refusal = standing.FindRefusal(limits, reserveUsd: 0);
            return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal), running);
        }
        catch (RelayErrorException exception)
        {
            return new QuotaDecision(null, exception.Error, []);
        }
    }

    private async Task<QuotaDecision> ChargeAsync(
        string id,
        string keyId,
        ModelName? model,
        QuotaLimits limits,
        long reserve,
        decimal reserveUsd,
        CancellationToken cancellationToken
    )
    {
        var (names, member, row) = (_link.Names, RedisNames.MemberOf(keyId, limits.Bucket), RedisNames.RowOf(limits.Bucket, model?.Value));
        while (true)
        {
            var day = Volatile.Read(ref _day);
            // With the same id it is charged once, however often the command arrives.
            var reply = (RedisResult[])
                (
                    await _link.RunAgainAsync(
                        RedisScripts.Charge,
                        [
                            names.Counters(member),
                            names.Totals(limits.Bucket),
                            names.Relays,
                            names.Usage(day, keyId),
                            names.KeysOfDay(day),
                            names.LastUse,
                            names.Open,
                        ],
                        [
                            _link.Clock,
                            id,
                            day,
                            member,
                            keyId,
                            row,
                            model?.Value ?? "-",
                            reserve,
                            limits.PerMinute,
                            limits.PerDay,
                            limits.GlobalPerDay,
                            limits.Concurrency,
                            limits.UsdPerDay is { } usd ? (usd * 1_000_000).ToString(CultureInfo.InvariantCulture) : string.Empty,
                            (long)RelayInstance.Lease.TotalMilliseconds,
                        ],
                        cancellationToken
                    )
                )!;
            var verdict = (string)reply[0]!;
            if (verdict == "day")
            {
                Volatile.Write(ref _day, (int)reply[1]);
                continue;
            }

            var standing = StandingOf(reply);
            var running = (int)reply[11];
            if (verdict == "charged")
            {
                var charge = new QuotaCharge(
                    keyId,
                    RedisNames.ToDay((long)reply[1]),
                    (long)reply[2],
                    reserveUsd,
                    limits.Bucket,
                    id,
                    IsWaiting: (int)reply[12] == 0
                );
                return new QuotaDecision(charge, null, standing.Statuses(limits, null), running);
            }

            var refusal =
                standing.FindRefusal(limits, MicroUsd.ToUsd(reserve))
                ?? throw new InvalidOperationException($"The script's verdict is '{verdict}', and nothing refuses.");
            return new QuotaDecision(null, refusal, standing.Statuses(limits, refusal), running);
        }
    }

    private static QuotaStanding StandingOf(RedisResult[] reply)
    {
        var (day, now) = ((int)reply[1], (long)reply[10]);
        return new QuotaStanding(
            (long)reply[3],
            (long)reply[4],
            MicroUsd.ToUsd((long)reply[5]),
            MicroUsd.ToUsd((long)reply[6]),
            (int)reply[7],
            TimeSpan.FromMicroseconds((long)reply[8]),
            TimeSpan.FromMicroseconds((long)reply[9]),
            TimeSpan.FromMicroseconds(((day + 1L) * 86_400 * 1_000_000) - now)
        );
    }

    /// <summary>
    /// Remembers a refusal for the minute or the day for a moment. A refusal because of running requests may be over as soon as one ends.
    /// </summary>
    private QuotaDecision Remember(string keyId, QuotaLimits limits, QuotaDecision decision)
    {
        if (decision.Refusal is { } refusal && (refusal.Code != ErrorCode.RateLimited || decision.Statuses[0].Remaining == 0))
        {
            if (_refusals.Count > MostRefusals)
            {
                _refusals.Clear();
            }

            _refusals[(keyId, limits)] = (decision, _clock.GetTimestamp());
        }

        return decision;
    }

    private void PostGiveBack(QuotaCharge charge, ModelName? model)
    {
        foreach (var known in _refusals.Keys.Where(known => known.KeyId == charge.KeyId))
        {
            _refusals.TryRemove(known, out _);
        }

        Post(RedisScripts.GiveBack, charge, model);
    }

    /// <summary>Has the outbox send the end of a charge.</summary>
    private void Post(string script, QuotaCharge charge, ModelName? model, params RedisValue[] numbers)
    {
        var (names, member, day) = (_link.Names, RedisNames.MemberOf(charge.KeyId, charge.Bucket), RedisNames.ToNumber(charge.Day));
        _outbox.Post(database =>
            database.ScriptEvaluateAsync(
                script,
                [
                    names.Counters(member),
                    names.Totals(charge.Bucket),
                    names.Relays,
                    names.Usage(day, charge.KeyId),
                    names.KeysOfDay(day),
                    names.Open,
                ],
                [_link.Clock, charge.Id, member, charge.KeyId, RedisNames.RowOf(charge.Bucket, model?.Value), names.Channel, .. numbers]
            )
        );
    }

    private void Listen(string news)
    {
        if (news.StartsWith("place ", StringComparison.Ordinal) && _places.TryRemove(news["place ".Length..], out var waiting))
        {
            waiting.TrySetResult();
        }
    }
}
