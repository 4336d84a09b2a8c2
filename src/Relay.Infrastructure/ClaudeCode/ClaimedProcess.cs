using Relay.Domain.Completions;

namespace Relay.Infrastructure.ClaudeCode;

/// <summary>A process for one completion, to be given back with <see cref="WarmPool.GiveBack"/>.</summary>
internal sealed class ClaimedProcess(ClaudeProcess process, ProcessOrigin origin, Action opened)
{
    private int _opened;

    public ClaudeProcess Process => process;

    public ProcessOrigin Origin => origin;

    /// <summary>The process has sent its request, or has ended: its start needs the processor no more. May be called again.</summary>
    public void Opened()
    {
        if (Interlocked.Exchange(ref _opened, 1) == 0)
        {
            opened();
        }
    }
}
