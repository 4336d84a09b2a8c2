namespace Relay.Application.Fetching;

/// <summary>Details of a fetch for the operator. The caller does not get them.</summary>
public sealed class FetchTrace
{
    /// <summary>The host that was asked last.</summary>
    public string? Host { get; set; }

    /// <summary>
    /// The clock's timestamp of the beginning of the last hop, before the wait for a place at its host; null for a URL that was refused.
    /// </summary>
    public long? HopBeganAt { get; set; }

    /// <summary>The reason of a failure, as one word.</summary>
    public string? Failure { get; set; }

    /// <summary>Called with each step; null without a watcher.</summary>
    public Action<FetchStep>? Watch { get; init; }

    /// <summary>Tells a step to the watcher.</summary>
    /// <param name="name">The step, as one word.</param>
    /// <param name="isGood">Whether the fetch can go on.</param>
    /// <param name="detail">One sentence for the operator. It may tell what is inside the relay's network.</param>
    public void Tell(string name, bool isGood, FormattableString detail) =>
        Watch?.Invoke(new FetchStep(name, isGood, FormattableString.Invariant(detail)));
}
