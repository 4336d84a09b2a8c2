namespace Relay.Application.Quotas;

/// <summary>A limit of a Claude account, as relays with the same login tell it to each other.</summary>
/// <param name="Kind">In Anthropic's words; null where it had none.</param>
/// <param name="Scope">A model family, or empty for all models.</param>
/// <param name="Until">UTC; after it, one request at a time of each relay may try.</param>
/// <param name="Backoff">The last pause for which Anthropic named no time; zero when it named one.</param>
public sealed record SharedLimit(string? Kind, string Scope, DateTimeOffset Until, TimeSpan Backoff);

/// <summary>The limits that other relays with the same Claude login know. The shared data holds neither the login nor its name.</summary>
public interface IUpstreamShare
{
    /// <summary>Raised again and again with all limits that the fleet knows.</summary>
    event Action<IReadOnlyList<SharedLimit>> Heard;

    /// <summary>Tells the others of a limit.</summary>
    void Tell(SharedLimit limit);

    /// <summary>Tells the others that a limit is over.</summary>
    void TellOver(SharedLimit limit);
}
