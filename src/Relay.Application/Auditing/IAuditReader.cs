namespace Relay.Application.Auditing;

/// <summary>Reads the audit log, also while a relay writes it.</summary>
public interface IAuditReader
{
    /// <summary>The last lines, oldest first, as they are written: JSON, without their ends.</summary>
    /// <param name="count">How many of them.</param>
    /// <param name="keyLabel">Of one key only; null for all.</param>
    /// <param name="follow">Whether to go on with those that are written from then on, over midnight too, until cancelled.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    IAsyncEnumerable<string> Tail(int count, string? keyLabel, bool follow, CancellationToken cancellationToken);
}
