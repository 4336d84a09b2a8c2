using Relay.Domain;
using Relay.Domain.Models;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>
/// Counts the usage of keys, across restarts. Check and count are one operation; asynchronous, so that an adapter may
/// ask another machine for it.
/// </summary>
public interface IQuotaStore
{
    /// <summary>Takes one request and its possible cost from a key's limits, if all of them allow it.</summary>
    /// <param name="keyId">The id of the key that pays.</param>
    /// <param name="model">The model that is to answer; null for pages.</param>
    /// <param name="limits">The key's limits, with their bucket.</param>
    /// <param name="reserveUsd">The possible cost.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>A charge; or a refusal for a limit, or <see cref="ErrorCode.StateUnavailable"/>.</returns>
    ValueTask<QuotaDecision> ChargeAsync(
        string keyId,
        ModelName? model,
        QuotaLimits limits,
        decimal reserveUsd,
        CancellationToken cancellationToken
    );

    /// <summary>Settles a charged request that has ended, with its spending.</summary>
    ValueTask SettleAsync(QuotaCharge charge, ModelName? model, Spending spending, decimal costUsd, CancellationToken cancellationToken);

    /// <summary>Gives back a charged request that came to nothing; it costs nothing.</summary>
    ValueTask GiveBackAsync(QuotaCharge charge, ModelName? model, CancellationToken cancellationToken);

    /// <summary>
    /// Waits until a charge that is waiting has been given one of its key's places in the fleet. Settling or giving back frees it.
    /// </summary>
    /// <param name="charge">One that says <see cref="QuotaCharge.IsWaiting"/>.</param>
    /// <param name="places">
    /// The number of the key's requests that may run at once; read again each time that the charge asks for a place.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the wait. The charge is then to be given back, together with a place that it may have got meanwhile.
    /// </param>
    /// <exception cref="RelayErrorException">
    /// <see cref="ErrorCode.StateUnavailable"/>: the fleet has no such charge any more, and the request must not run.
    /// </exception>
    Task WaitForPlaceAsync(QuotaCharge charge, Func<int> places, CancellationToken cancellationToken);

    /// <summary>
    /// A refusal that is certain from this relay's own counts, without asking another machine; null without such a refusal.
    /// </summary>
    QuotaDecision? FindKnownRefusal(string keyId, QuotaLimits limits);

    /// <summary>The key's standing, and the refusal that a request would get now. Takes nothing.</summary>
    ValueTask<QuotaDecision> PeekAsync(string keyId, QuotaLimits limits, CancellationToken cancellationToken);
}
