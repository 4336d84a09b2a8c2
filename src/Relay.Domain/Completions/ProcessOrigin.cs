namespace Relay.Domain.Completions;

/// <summary>The origin of a completion's process.</summary>
public enum ProcessOrigin
{
    /// <summary>Started for this request.</summary>
    Cold,

    /// <summary>A parked spare that knew nothing of the caller.</summary>
    Blank,

    /// <summary>A parked spare that already had the key's model and system prompt.</summary>
    Prepared,
}
