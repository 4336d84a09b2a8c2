namespace Relay.Application.Quotas;

/// <summary>A request that waits for a place.</summary>
internal sealed class QueueWaiter(QueueLine line, Task ready)
{
    public QueueLine Line { get; } = line;

    /// <summary>The task that must end before it may have a place.</summary>
    public Task Ready { get; } = ready;

    /// <summary>Its place in the line; null when it has left the line.</summary>
    public LinkedListNode<QueueWaiter>? Node { get; set; }

    public TaskCompletionSource<QueuePlace> Place { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
