using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace Relay.Redis;

/// <summary>This run of the relay, as the fleet knows it.</summary>
internal sealed class RelayInstance(IOptions<StateOptions> options, TimeProvider clock)
{
    /// <summary>The longest time for which a relay's leases outlive its latest pulse.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private long _charges;

    /// <summary>The id is random: a restart is another relay, and does not own the leases of the run before.</summary>
    public string Id { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public string Name { get; } = string.IsNullOrEmpty(options.Value.RelayName) ? Environment.MachineName : options.Value.RelayName;

    /// <summary>UTC.</summary>
    public DateTimeOffset StartedAt { get; } = clock.GetUtcNow();

    /// <summary>An id that no other charge of the fleet has.</summary>
    public string NextChargeId() => $"{Id}.{Interlocked.Increment(ref _charges):x}";
}
