namespace Relay.Domain.Completions;

/// <summary>Whether the model calls tools.</summary>
public enum ToolChoiceMode
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>The model calls none.</summary>
    None,

    /// <summary>The model calls at least one.</summary>
    Any,

    /// <summary>The model calls one certain tool.</summary>
    One,
}
