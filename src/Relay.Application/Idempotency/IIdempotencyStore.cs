namespace Relay.Application.Idempotency;

/// <summary>
/// Remembers answers for repeated requests. It sees neither idempotency keys nor requests nor answers. It sees only sealed bytes, and
/// names and fingerprints that can't be made without the caller's secret.
/// </summary>
public interface IIdempotencyStore
{
    /// <summary>Looks for a record, and claims its name when there is none. Check and claim are one operation.</summary>
    /// <param name="name">The name of the record; unique to a caller, a route and an idempotency key.</param>
    /// <param name="fingerprint">The fingerprint of the request.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask<IdempotencyClaim> ClaimAsync(string name, string fingerprint, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the answer to a claimed request. Where there is no room for all, the oldest answers of the holder with the most bytes go
    /// first.
    /// </summary>
    /// <param name="name">As claimed.</param>
    /// <param name="holder">The id of the key whose answer it is.</param>
    /// <param name="fingerprint">As claimed.</param>
    /// <param name="sealedAnswer">The answer, sealed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask KeepAsync(
        string name,
        string holder,
        string fingerprint,
        ReadOnlyMemory<byte> sealedAnswer,
        CancellationToken cancellationToken
    );

    /// <summary>Gives a claim up: the next request with this name is a first one.</summary>
    ValueTask ReleaseAsync(string name, CancellationToken cancellationToken);
}

/// <summary>The state of a request in the store.</summary>
/// <param name="State">The state.</param>
/// <param name="SealedAnswer">The kept answer, for <see cref="IdempotencyState.Answered"/>.</param>
public readonly record struct IdempotencyClaim(IdempotencyState State, ReadOnlyMemory<byte> SealedAnswer = default);
