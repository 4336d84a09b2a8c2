using Relay.Domain;
using Relay.Domain.Keys;
using Relay.Domain.Quotas;

namespace Relay.Application.Quotas;

/// <summary>The load of a queue.</summary>
public sealed record QueueLoad(int Places, int Running, int Waiting);

/// <summary>The load of one key in a queue.</summary>
public sealed record KeyLoad(string KeyId, int Running, int Waiting);

/// <summary>The standing of keys with their limits, and the load of the queues.</summary>
public interface IAdmission
{
    /// <summary>The load of a bucket's queue now. Costs nothing.</summary>
    QueueLoad LoadOf(QuotaBucket bucket);

    /// <summary>Whether the relay is stopping: no request is let in any more.</summary>
    bool IsClosed { get; }

    /// <summary>Lets no request in from now on, and refuses requests that wait. Running requests may end.</summary>
    /// <returns>Completes when no request runs any more.</returns>
    Task CloseAsync(CancellationToken cancellationToken);

    /// <summary>The keys that have anything running or waiting in a bucket now, in no order.</summary>
    IReadOnlyList<KeyLoad> LoadByKey(QuotaBucket bucket);

    /// <summary>A refusal that is certain from the key alone, by this relay's counts. Without one, admission may still refuse.</summary>
    QuotaDecision? FindKnownRefusal(ApiKey key, QuotaBucket bucket);

    /// <summary>The refusal of a key that is held because its requests only fail; null when it is not held. Costs nothing.</summary>
    RelayError? FindFailureLimit(ApiKey key);

    /// <summary>Counts a request of the key that came to nothing: it was charged nothing, and no limit refused it.</summary>
    void CountFailure(ApiKey key);

    /// <summary>The limits that apply to a key.</summary>
    QuotaLimits LimitsOf(ApiKey key, QuotaBucket bucket);

    /// <summary>A key's limits of a bucket, the unused part of each, and the refusal that a request would get now. Takes nothing.</summary>
    ValueTask<QuotaDecision> PeekAsync(ApiKey key, QuotaBucket bucket, CancellationToken cancellationToken);
}
