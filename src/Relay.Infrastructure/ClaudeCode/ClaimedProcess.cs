using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A process for one completion.</summary>
/// <param name="process">The process, to be given back with <see cref="WarmPool.GiveBack"/>.</param>
/// <param name="origin">The origin of the process.</param>
/// <param name="opened">Called once, when the process has sent its request or has ended.</param>
internal sealed class ClaimedProcess(ClaudeProcess process, ProcessOrigin origin, Action opened)
{
    private int _opened;

    /// <summary>The process.</summary>
    public ClaudeProcess Process => process;

    /// <summary>The origin of the process.</summary>
    public ProcessOrigin Origin => origin;

    /// <summary>
    /// Notes that the process has sent its request to the API, or has ended: its start needs the processor no more. May be called again.
    /// </summary>
    public void Opened()
    {
        if (Interlocked.Exchange(ref _opened, 1) == 0)
        {
            opened();
        }
    }
}
