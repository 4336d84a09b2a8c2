namespace Relay.Infrastructure.ApiGate;

/// <summary>A difference between a request and the expected one. Its message names the place, never a value.</summary>
internal sealed class DifferenceException(GateRefusal refusal, string where) : Exception(where)
{
    public GateRefusal Refusal { get; } = refusal;
}
