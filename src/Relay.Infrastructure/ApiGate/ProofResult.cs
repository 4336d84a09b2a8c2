namespace Relay.Infrastructure.ApiGate;

/// <summary>The outcome of a proof.</summary>
/// <param name="Shape">The values around the caller's words; null when the request was refused before they were read.</param>
/// <param name="Refusal">The reason why the request may not leave; null when it may.</param>
/// <param name="Detail">The field that differs, in words without a caller's data.</param>
/// <param name="UserId">The device and the session that the request names; null when it was refused.</param>
internal readonly record struct ProofResult(RequestShape? Shape, GateRefusal? Refusal, string? Detail, string? UserId = null)
{
    public static ProofResult Refused(GateRefusal refusal, string detail) => new(null, refusal, detail);
}
