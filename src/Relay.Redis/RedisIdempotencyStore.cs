using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Relay.Application.Idempotency;
using Relay.Domain;
using StackExchange.Redis;

namespace Relay.Redis;

/// <summary>
/// Answers of the whole fleet. A claim holds as long as the relay lives that made it, and an hour at most; answers are as sealed here as
/// anywhere. While Redis is away nobody can tell whether a request is a first, so none with an idempotency key is let in: the key is
/// there to prevent that one request spends twice.
/// </summary>
internal sealed class RedisIdempotencyStore(RedisLink link, RelayInstance instance, Outbox outbox, IOptions<IdempotencyOptions> options)
    : IIdempotencyStore
{
    private static readonly TimeSpan LongestClaim = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, string> _claims = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // Each has an owner of its own: what gives one up, late or twice, must not give up the next.
        var owner = instance.NextChargeId();
        try
        {
            // By the same owner it is claimed once, however often it arrives.
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

    /// <inheritdoc/>
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
                            [link.Clock, fingerprint, owner, sealedAnswer, (long)kept.TimeToLive.TotalSeconds, kept.MaxBytes, name, holder]
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

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(string name, CancellationToken cancellationToken)
    {
        if (_claims.TryRemove(name, out var owner))
        {
            await TellAsync(Release(name, owner), cancellationToken);
        }
    }

    private Func<IDatabase, Task> Release(string name, string owner) =>
        database => database.ScriptEvaluateAsync(RedisScripts.Release, [link.Names.Answer(name)], [owner]);

    /// <summary>Now, for who asks again at once is to find it; or as soon as that is possible.</summary>
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
