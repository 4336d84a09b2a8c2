using Relay.Application.Configuration;

namespace Relay.Infrastructure.Auditing;

/// <summary>The time for which the audit log is kept.</summary>
public sealed class AuditOptions
{
    [Setting("AUDIT_DAYS", "Keep the audit log for this many days.", Min = "1", Max = "3650")]
    public int AuditDays { get; set; } = 90;
}
