namespace Relay.Infrastructure.ApiGate;

/// <summary>
/// The outcome of a proof. Without a refusal the request may leave. The detail names the field that differs, without a caller's data. The
/// user id holds the device and the session that the request names.
/// </summary>
internal readonly record struct ProofResult(RequestShape? Shape, GateRefusal? Refusal, string? Detail, string? UserId = null)
{
    public static ProofResult Refused(GateRefusal refusal, string detail) => new(null, refusal, detail);
}
