namespace Relay.Infrastructure;

/// <summary>Reports settings with which the relay can't start; the message says what to change.</summary>
public sealed class StartupException(string message) : Exception(message);
