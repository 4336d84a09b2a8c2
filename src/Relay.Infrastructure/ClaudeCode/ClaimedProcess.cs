using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A process for one completion.</summary>
/// <param name="process">To be given back with <see cref="WarmPool.GiveBack"/>.</param>
/// <param name="origin">How it came about.</param>
/// <param name="opened">Called once.</param>
internal sealed class ClaimedProcess(ClaudeProcess process, ProcessOrigin origin, Action opened)
{
    private int _opened;

    /// <summary>The process.</summary>
    public ClaudeProcess Process => process;

    /// <summary>How it came about.</summary>
    public ProcessOrigin Origin => origin;

    /// <summary>It has sent its request to the API, or ended: its start needs the processor no more. May be called again.</summary>
    public void Opened()
    {
        if (Interlocked.Exchange(ref _opened, 1) == 0)
        {
            opened();
        }
    }
}
