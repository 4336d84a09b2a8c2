namespace Relay.Application.Health;

/// <summary>The processes that completions run in, as of now.</summary>
/// <param name="Processes">All live processes: working, parked, and ending. Each takes about 110 MB.</param>
/// <param name="BlankSpares">Parked, and good for any key.</param>
/// <param name="PreparedSpares">Parked, with the prompt that one key repeats.</param>
/// <param name="OldestSpare">The time since the oldest spare was parked; null without a spare.</param>
/// <param name="PoolHits">Completions that found a spare, since the start.</param>
/// <param name="PoolMisses">Completions that had to start a process, since the start.</param>
public sealed record EngineLoad(int Processes, int BlankSpares, int PreparedSpares, TimeSpan? OldestSpare, long PoolHits, long PoolMisses);

/// <summary>Tells the load of the engine.</summary>
public interface IEngineLoad
{
    /// <summary>The load now. Costs nothing.</summary>
    EngineLoad Load { get; }
}
