namespace Relay.Domain.Completions;

/// <summary>The effort that the model spends on thinking. Without one, Claude Code uses its own default, <c>medium</c>.</summary>
public enum Effort
{
    /// <summary>Quick and cheap.</summary>
    Low,

    /// <summary>The usual.</summary>
    Medium,

    /// <summary>More than usual.</summary>
    High,

    /// <summary>More than <see cref="High"/>.</summary>
    XHigh,

    /// <summary>As much as the model can.</summary>
    Max,
}
