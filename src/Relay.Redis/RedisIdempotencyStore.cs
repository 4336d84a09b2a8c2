using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Relay.Application.Idempotency;
using Relay.Domain;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Keeps the answers of the whole fleet, sealed as everywhere. A claim holds as long as its relay lives, and an hour at most. While Redis
/// is away, no request with an idempotency key is let in, because it may not be the first one: the key promises that a request never
/// spends twice.
/// </summary>
internal sealed class RedisIdempotencyStore(
    RedisLink link,
    RelayInstance instance,
    Outbox outbox,
    IOptions<IdempotencyOptions> options,
    long maxBytes = IdempotencyOptions.MaxBytes
) : IIdempotencyStore
{
    private static readonly TimeSpan LongestClaim = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, string> _claims = new(StringComparer.Ordinal);

    public async ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // Each claim has its own owner: giving up one claim, late or twice, must not give up the next.
        var owner = instance.NextChargeId();
        try
        {
            // With the same owner, the claim counts once, however often the command arrives.
            var answer = (RedisValue[])
                (
                    await link.RunAgainAsync(
                        RedisScripts.Claim,
                        [link.Names.Answer(name), link.Names.Relays],
                        [link.Clock, fingerprint, owner, (long)LongestClaim.TotalSeconds, (long)RelayInstance.Lease.TotalMilliseconds],
                        CancellationToken.None
                    )
                )!;
            switch (answer[0].ToString())
            {
                case "claimed":
                    _claims[name] = owner;
                    return new IdempotencyClaim(IdempotencyState.Claimed);
                case "in-flight":
                    return new IdempotencyClaim(IdempotencyState.InFlight);
                case "answered":
                    return new IdempotencyClaim(IdempotencyState.Answered, (byte[])answer[1]!);
                default:
                    return new IdempotencyClaim(IdempotencyState.Mismatch);
            }
        }
        catch (RelayErrorException exception)
        {
            if (RedisLink.MayHaveArrived(exception))
            {
                outbox.Post(Release(name, owner));
            }

            return new IdempotencyClaim(IdempotencyState.Unknown);
        }
    }

    public async ValueTask KeepAsync(
        string name,
        string holder,
        string fingerprint,
        ReadOnlyMemory<byte> sealedAnswer,
        CancellationToken cancellationToken
    )
    {
        if (!_claims.TryRemove(name, out var owner))
        {
            return;
        }

        var (names, kept) = (link.Names, options.Value);
        await TellAsync(
            async database =>
            {
                var forgotten = (RedisValue[])
                    (
                        await database.ScriptEvaluateAsync(
                            RedisScripts.Keep,
                            [
                                names.Answer(name),
                                names.AnswersByAge,
                                names.AnswerEntries,
                                names.AnswersByHolder,
                                names.AnswerHolders,
                                names.AnswerBytes,
                                .. names.OldAnswers,
                            ],
                            [link.Clock, fingerprint, owner, sealedAnswer, (long)kept.TimeToLive.TotalSeconds, maxBytes, name, holder]
                        )
                    )!;
                if (forgotten.Length > 0)
                {
                    await database.KeyDeleteAsync([.. forgotten.Select(old => names.Answer(old.ToString()))]);
                }
            },
            cancellationToken
        );
    }

    public async ValueTask ReleaseAsync(string name, CancellationToken cancellationToken)
    {
        if (_claims.TryRemove(name, out var owner))
        {
            await TellAsync(Release(name, owner), cancellationToken);
        }
    }

    private Func<IDatabase, Task> Release(string name, string owner) =>
        database => database.ScriptEvaluateAsync(RedisScripts.Release, [link.Names.Answer(name)], [owner]);

    /// <summary>
    /// Sends the command now, so that an immediate repeat of the request finds its effect; or as soon as the state answers.
    /// </summary>
    private async Task TellAsync(Func<IDatabase, Task> tell, CancellationToken cancellationToken)
    {
        try
        {
            await link.AskAsync(
                async database =>
                {
                    await tell(database);
                    return true;
                },
                cancellationToken
            );
        }
        catch (RelayErrorException)
        {
            outbox.Post(tell);
        }
    }
}
