using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Relay.Infrastructure.Processes;

/// <summary>Starts children.</summary>
internal interface IProcessStarter
{
    /// <exception cref="System.ComponentModel.Win32Exception">The executable can't be run.</exception>
    Task<IChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken);
}

/// <summary>
/// Starts children from one thread that lives as long as the relay. bubblewrap's <c>--die-with-parent</c> follows the thread that started
/// it: a child of a pool thread would end when that thread retires.
/// </summary>
internal sealed class ProcessStarter : IProcessStarter, IDisposable
{
    /// <summary>The bound is far above the number of requests that admission lets run at once.</summary>
    private readonly BlockingCollection<Action> _work = new(boundedCapacity: 1024);
    private readonly OrphanGuard _guard;
    private readonly ILogger<ProcessStarter> _logger;
    private readonly TimeProvider _clock;
    private readonly Thread _thread;

    private bool _disposed;

    public ProcessStarter(OrphanGuard guard, ILogger<ProcessStarter> logger, TimeProvider clock)
    {
        (_guard, _logger, _clock) = (guard, logger, clock);
        _thread = new Thread(Run) { Name = "process starter", IsBackground = true };
        _thread.Start();
    }

    public async Task<ChildProcess> StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var started = new TaskCompletionSource<ChildProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(
            () =>
            {
                try
                {
                    started.SetResult(ChildProcess.Start(spec, _guard, maxLineBytes, _logger, _clock));
                }
                catch (Exception exception)
                {
                    started.SetException(exception);
                }
            },
            cancellationToken
        );

        // A start takes a millisecond or two and can't be taken back. It is awaited to its end; then the child is handed over or ended.
        var child = await started.Task;
        if (cancellationToken.IsCancellationRequested)
        {
            await child.StopAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }

        return child;
    }

    async Task<IChildProcess> IProcessStarter.StartAsync(ProcessSpec spec, int maxLineBytes, CancellationToken cancellationToken) =>
        await StartAsync(spec, maxLineBytes, cancellationToken);

    /// <summary>Ends the thread, and with it every process in a jail. The container calls it for each of its two types.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        foreach (var start in _work.GetConsumingEnumerable())
        {
            start();
        }
    }
}
