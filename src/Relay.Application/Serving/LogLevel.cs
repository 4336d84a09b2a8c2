namespace Relay.Application.Serving;

/// <summary>The amount of logging.</summary>
public enum LogLevel
{
    /// <summary>Everything.</summary>
    Verbose,

    /// <summary>Adds the work of the pool, and every request without a good key or beyond a limit.</summary>
    Debug,

    /// <summary>A line for every request with a key.</summary>
    Information,

    /// <summary>Events that an operator should look at.</summary>
    Warning,

    /// <summary>Events that an operator must look at.</summary>
    Error,
}
