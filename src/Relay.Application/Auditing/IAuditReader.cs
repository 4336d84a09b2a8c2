namespace Relay.Application.Auditing;

/// <summary>Reads the audit log, also while a relay writes it.</summary>
public interface IAuditReader
{
    /// <summary>The last lines, oldest first, as they are written: JSON, without line ends.</summary>
    /// <param name="count">The number of lines.</param>
    /// <param name="keyLabel">The label of one key; null for all keys.</param>
    /// <param name="follow">Whether to go on with lines that are written later, over midnight too, until cancelled.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    IAsyncEnumerable<string> Tail(int count, string? keyLabel, bool follow, CancellationToken cancellationToken);
}
