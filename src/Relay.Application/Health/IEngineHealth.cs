namespace Relay.Application.Health;

/// <summary>Tells whether the engine works.</summary>
public interface IEngineHealth
{
    /// <summary>The status now. Costs nothing.</summary>
    EngineStatus Status { get; }
}
