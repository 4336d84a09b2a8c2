namespace Relay.Domain;

/// <summary>
/// An expected failure on its way out of a port whose answers have no room for one: that what it reads from is away. The pipeline turns
/// it back into data.
/// </summary>
public sealed class RelayErrorException(RelayError error, Exception? cause = null) : Exception(error.Message, cause)
{
    /// <summary>What failed.</summary>
    public RelayError Error { get; } = error;
}
