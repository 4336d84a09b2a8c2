namespace Relay.Application.Quotas;

/// <summary>A limit of a Claude account, as relays that share a login tell each other of it.</summary>
/// <param name="Kind">In Anthropic's words; null where it had none.</param>
/// <param name="Scope">A model family, or empty for all models.</param>
/// <param name="Until">UTC; after it, one request at a time of each relay may try.</param>
/// <param name="Backoff">The last pause that nobody named; zero when Anthropic named a time.</param>
public sealed record SharedLimit(string? Kind, string Scope, DateTimeOffset Until, TimeSpan Backoff);

/// <summary>What other relays with the same Claude login know of its limits. Neither names the login nor holds anything of it.</summary>
public interface IUpstreamShare
{
    /// <summary>Raised now and then with all that is known in the fleet.</summary>
    event Action<IReadOnlyList<SharedLimit>> Heard;

    /// <summary>Tells the others of a limit.</summary>
    void Tell(SharedLimit limit);

    /// <summary>Tells the others that a limit is over.</summary>
    void TellOver(SharedLimit limit);
}
