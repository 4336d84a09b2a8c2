using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Quotas;

/// <summary>A request that spends something of the account.</summary>
public interface IAdmissible
{
    /// <summary>Who pays.</summary>
    ApiKey Caller { get; }
}

/// <summary>Decides who may spend, and when. Check and count are one operation.</summary>
public interface IAdmission
{
    /// <summary>
    /// Charges the key and waits for a free place.
    /// </summary>
    /// <returns>
    /// A lease that gives the place back when disposed, or one of <see cref="ErrorCode.DailyLimit"/>,
    /// <see cref="ErrorCode.GlobalDailyLimit"/>, <see cref="ErrorCode.QueueFull"/> and <see cref="ErrorCode.Overloaded"/>,
    /// each with a retry time and without a charge.
    /// </returns>
    Task<Result<IDisposable>> AdmitAsync(ApiKey caller, CancellationToken cancellationToken);
}
