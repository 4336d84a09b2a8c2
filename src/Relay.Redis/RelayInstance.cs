using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace Relay.Redis;

/// <summary>This run of this relay, as the fleet knows it.</summary>
internal sealed class RelayInstance(IOptions<StateOptions> options, TimeProvider clock)
{
    /// <summary>Longest time for which what a relay holds outlives its last sign of life.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private long _charges;

    /// <summary>Random: a restart is another relay, whose predecessor's leases are not its own.</summary>
    public string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>Its operator's name for it.</summary>
    public string Name { get; } = string.IsNullOrEmpty(options.Value.RelayName) ? Environment.MachineName : options.Value.RelayName;

    /// <summary>UTC.</summary>
    public DateTimeOffset StartedAt { get; } = clock.GetUtcNow();

    /// <summary>An id that no other charge of the fleet has.</summary>
    public string NextChargeId() => $"{Id}.{Interlocked.Increment(ref _charges):x}";
}
