namespace Relay.Application.Auditing;

/// <summary>Takes audit entries.</summary>
public interface IAuditLog
{
    /// <summary>
    /// Takes an entry, in order, without waiting for the disk. An entry that finds the buffer full (the disk is ten thousand entries
    /// behind) goes to the log as an error instead, so that none is lost silently.
    /// </summary>
    void Write(AuditEntry entry);

    /// <summary>
    /// Takes an entry of a kind that one caller can cause in any number. Twenty entries a minute with the same action, key and error are
    /// written. Further ones are counted in one line.
    /// </summary>
    void WriteRepeated(AuditEntry entry);

    /// <summary>
    /// Counts a request that came without a good key. One line a minute gives the number for each error, so that a flood fills no disk.
    /// </summary>
    void CountUnauthenticated(string error);
}
