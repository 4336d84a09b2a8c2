namespace Relay.Infrastructure;

/// <summary>The relay can't start as it is configured; the message says what to change.</summary>
public sealed class StartupException(string message) : Exception(message);
