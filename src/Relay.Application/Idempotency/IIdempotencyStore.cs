namespace Relay.Application.Idempotency;

/// <summary>
/// Remembers answers for those who ask again. It sees neither idempotency keys nor requests nor answers: only names and
/// fingerprints that nobody can make without the caller's secret, and sealed bytes.
/// </summary>
public interface IIdempotencyStore
{
    /// <summary>Looks for a record, and claims its name when there is none. Check and claim are one operation.</summary>
    /// <param name="name">Of the record; unique to a caller, a route and an idempotency key.</param>
    /// <param name="fingerprint">Of the request.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the answer to a claimed request. Where there is no room for all, the oldest answers of the holder with the most bytes go
    /// first.
    /// </summary>
    /// <param name="name">As claimed.</param>
    /// <param name="holder">The id of the key whose answer it is.</param>
    /// <param name="fingerprint">As claimed.</param>
    /// <param name="sealedAnswer">What to keep.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask KeepAsync(
        string name,
        string holder,
        string fingerprint,
        ReadOnlyMemory<byte> sealedAnswer,
        CancellationToken cancellationToken
    );

    /// <summary>Gives a claim up: whoever asks again is a first.</summary>
    ValueTask ReleaseAsync(string name, CancellationToken cancellationToken);
}

/// <summary>What is known of a request.</summary>
/// <param name="State">How it stands.</param>
/// <param name="SealedAnswer">For <see cref="IdempotencyState.Answered"/>, what was kept.</param>
public readonly record struct IdempotencyClaim(IdempotencyState State, ReadOnlyMemory<byte> SealedAnswer = default);

/// <summary>How a request stands that may have been made before.</summary>
public enum IdempotencyState
{
    /// <summary>It is the first, and claimed now: keep its answer or release it.</summary>
    Claimed,

    /// <summary>The first is still running.</summary>
    InFlight,

    /// <summary>It was answered.</summary>
    Answered,

    /// <summary>The key was used for another request.</summary>
    Mismatch,

    /// <summary>Nobody can tell now: what remembers can't be reached. To go on could mean to spend twice.</summary>
    Unknown,
}
