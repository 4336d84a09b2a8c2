namespace Relay.Application.Quotas;

/// <summary>The requests of one key in a <see cref="FairQueue"/>: those that run, and those that wait.</summary>
internal sealed class QueueLine(string keyId, long arrived)
{
    public string KeyId { get; } = keyId;

    public LinkedList<QueueWaiter> Waiters { get; } = [];

    /// <summary>The clock's timestamps of when its running requests got their places.</summary>
    public LinkedList<long> Starts { get; } = [];

    public int Running => Starts.Count;

    public Func<int> Places { get; set; } = () => int.MaxValue;

    /// <summary>The time when it was last served; 0 for never.</summary>
    public long LastServed { get; set; }

    public bool IsIdle => Running == 0 && Waiters.Count == 0;

    /// <summary>The first request that waits only for a place in this queue.</summary>
    public QueueWaiter? FirstReady
    {
        get
        {
            for (var node = Waiters.First; node is not null; node = node.Next)
            {
                if (node.Value.Ready.IsCompleted)
                {
                    return node.Value;
                }
            }

            return null;
        }
    }

    /// <summary>The lowest is next.</summary>
    public (int Running, long LastServed, long Arrived) Rank => (Running, LastServed, arrived);
}
