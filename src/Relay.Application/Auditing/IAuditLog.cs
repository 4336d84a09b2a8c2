using Relay.Domain.Keys;

namespace Relay.Application.Auditing;

/// <summary>A request whose outcome the operator can read in the audit log.</summary>
public interface IAudited
{
    /// <summary>Who asks.</summary>
    ApiKey Caller { get; }

    /// <summary>What is asked, as one word.</summary>
    string AuditAction { get; }
}

/// <summary>One line of the audit log. Never a prompt, an answer or a secret.</summary>
/// <param name="Action">What was asked, or what happened (<c>lockdown_violation</c>).</param>
/// <param name="KeyId">Whose request it was; null for what the relay noticed by itself.</param>
/// <param name="KeyLabel">That key's label.</param>
/// <param name="Error">The error's wire name; null for success.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Detail">What was found, for violations.</param>
public sealed record AuditEntry(string Action, string? KeyId, string? KeyLabel, string? Error, TimeSpan Duration, string? Detail = null);

/// <summary>Where audit entries go.</summary>
public interface IAuditLog
{
    /// <summary>
    /// Takes an entry, in order, without waiting for the disk. One that finds the buffer full (the disk is ten thousand
    /// entries behind) goes to the log as an error instead: none is lost in silence.
    /// </summary>
    void Write(AuditEntry entry);
}
