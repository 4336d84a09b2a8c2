namespace Relay.Infrastructure.ApiGate;

/// <summary>A difference between a request and the expected one. Its message names the place, never a value.</summary>
/// <param name="refusal">The kind of the refusal.</param>
/// <param name="where">The place.</param>
internal sealed class DifferenceException(GateRefusal refusal, string where) : Exception(where)
{
    public GateRefusal Refusal { get; } = refusal;
}
