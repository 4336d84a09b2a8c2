namespace Relay.Infrastructure.ApiGate;

/// <summary>The consequence of a refusal.</summary>
internal enum RefusalEffect
{
    /// <summary>Only the process learns of it.</summary>
    None,

    /// <summary>The process ends after its turn. The caller's answer stands.</summary>
    EndsProcess,

    /// <summary>The turn fails, and its process ends.</summary>
    FailsTurn,

    /// <summary>The turn fails, its process ends, and the self-test runs again: no caller, model or API can cause it.</summary>
    Recheck,
}
