namespace Relay.Domain;

/// <summary>
/// Carries an expected failure, such as a store that can't be reached, out of a port whose answers have no room for it. The pipeline
/// turns it back into data.
/// </summary>
public sealed class RelayErrorException(RelayError error, Exception? cause = null) : Exception(error.Message, cause)
{
    /// <summary>The failure.</summary>
    public RelayError Error { get; } = error;
}
