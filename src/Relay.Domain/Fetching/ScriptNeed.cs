namespace Relay.Domain.Fetching;

/// <summary>A reason why a page seems to need its scripts before it shows anything.</summary>
public enum ScriptNeed
{
    /// <summary>Its <c>noscript</c> text says so.</summary>
    Noscript,

    /// <summary>It is the root of an application that holds nothing yet.</summary>
    EmptyRoot,

    /// <summary>It has scripts, and neither text nor an image.</summary>
    NoText,
}
