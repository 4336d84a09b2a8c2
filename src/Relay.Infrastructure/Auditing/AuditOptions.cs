using Relay.Application.Configuration;

namespace Relay.Infrastructure.Auditing;

/// <summary>How long the audit log is kept.</summary>
public sealed class AuditOptions
{
    [Setting("AUDIT_DAYS", "Days for which the audit log is kept.", Min = "1", Max = "3650")]
    public int AuditDays { get; set; } = 90;
}
