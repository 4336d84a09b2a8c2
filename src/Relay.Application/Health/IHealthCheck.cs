namespace Relay.Application.Health;

/// <summary>A part of the relay that works on after a failure, and whose failure the operator must see.</summary>
public interface IHealthCheck
{
    /// <summary>The part, as one word: <c>audit_log</c>, <c>database</c>, <c>keys</c>, <c>state</c>, <c>usage</c>.</summary>
    string Part { get; }

    /// <summary>The fault, and what to do about it; null for none. Costs nothing.</summary>
    string? Problem { get; }

    /// <summary>A fault with which completions go on; null for none. Costs nothing.</summary>
    string? Warning => null;
}
