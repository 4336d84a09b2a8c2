namespace Relay.Domain.Completions;

/// <summary>The way in which the model thinks before it answers.</summary>
public enum ThinkingMode
{
    /// <summary>Not at all.</summary>
    Disabled,

    /// <summary>Within a budget of tokens.</summary>
    Enabled,

    /// <summary>As much as the model sees fit.</summary>
    Adaptive,
}
