using Relay.Domain;
using Relay.Domain.Keys;

namespace Relay.Application.Keys;

/// <summary>Stores the keys, for commands that change them.</summary>
public interface IKeyRepository
{
    /// <summary>Changes the set of keys in one atomic step, safe against other processes doing the same.</summary>
    /// <param name="change">
    /// Takes the keys as they are; returns the keys as they should be and a value, or an error that changes nothing.
    /// </param>
    /// <param name="cancellationToken">Gives up waiting for the lock.</param>
    /// <returns>The value, or <see cref="ErrorCode.Conflict"/>, <see cref="ErrorCode.InternalError"/> or the change's own error.</returns>
    Task<Result<T>> ChangeAsync<T>(
        Func<IReadOnlyList<ApiKey>, Result<(IReadOnlyList<ApiKey> Keys, T Value)>> change,
        CancellationToken cancellationToken
    );

    /// <summary>The keys as they are now; <see cref="ErrorCode.InternalError"/> for a file that can't be read.</summary>
    Task<Result<IReadOnlyList<ApiKey>>> ReadAsync(CancellationToken cancellationToken);
}
