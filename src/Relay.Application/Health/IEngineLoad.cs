namespace Relay.Application.Health;

/// <summary>The processes that completions run in, as of now.</summary>
/// <param name="Processes">All that live: working, parked, and ending. Each is about 110 MB.</param>
/// <param name="BlankSpares">Parked, and good for any key.</param>
/// <param name="PreparedSpares">Parked, with what one key repeats.</param>
/// <param name="OldestSpare">How long the oldest of both has been parked; null when none is.</param>
/// <param name="PoolHits">Completions that found a spare, since the start.</param>
/// <param name="PoolMisses">Completions that had to start a process, since the start.</param>
public sealed record EngineLoad(int Processes, int BlankSpares, int PreparedSpares, TimeSpan? OldestSpare, long PoolHits, long PoolMisses);

/// <summary>What the engine has in hand.</summary>
public interface IEngineLoad
{
    /// <summary>As of now; costs nothing.</summary>
    EngineLoad Load { get; }
}
